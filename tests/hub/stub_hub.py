"""A hub on 127.0.0.1: the requests that huggingface_hub 2.4 makes for models, answered from memory.

GET  /api/models/OWNER/NAME/revision/REVISION?blobs=True    the commit and its files
HEAD, GET  /OWNER/NAME/resolve/REVISION/PATH                a file; large ones by a redirect to /objects/
POST /api/repos/create · /api/validate-yaml · /api/models/../preupload/.. · /..git/info/lfs/objects/batch
PUT  /objects/SHA256 · POST /api/models/../commit/.. · /api/models/../branch/..
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

Files = dict[str, bytes]
TOKEN = "hf_token_of_a_test"


@dataclass
class Repo:
    """commits: commit → files; branches: branch → commit."""

    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False


class StubHub(ThreadingHTTPServer):
    """repos by name; `fault` answers requests whose path holds its key with something else:
    a status, "hang", "cut" (half the file) or "flip" (one bit is another)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.faults: dict[str, int | str] = {}
        self.listed: dict[str, int] = {}  # path → a size that the listing claims
        self.hang = 5.0
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def storage(self) -> str:
        """Where large files lie: another host, as with the real hub, which gets no token."""
        return f"http://localhost:{self.server_port}"

    def put(self, name: str, files: Files, branch: str = "main") -> str:
        """A new commit on a branch with exactly these files; its hash."""
        repo = self.repos.setdefault(name, Repo())
        digest = hashlib.sha1(repr((len(repo.commits), sorted(files))).encode() + name.encode()).hexdigest()
        repo.commits[digest] = dict(files)
        repo.branches[branch] = digest
        return digest

    def asked(self, word: str) -> list[str]:
        """Paths of the requests so far that hold a word."""
        return [path for _, path in self.requests if word in path]


class _Handler(BaseHTTPRequestHandler):
    server: StubHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._get(body=False)

    def do_GET(self) -> None:
        self._get(body=True)

    def do_PUT(self) -> None:
        data = self._body()
        digest = self.path.rpartition("/")[2]
        if hashlib.sha256(data).hexdigest() != digest:
            return self._send(400, {"error": "hash"})
        self.server.objects[digest] = data
        self._send(200, {})

    def do_POST(self) -> None:
        data = self._body()
        if self._faulty():
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._send(401, {"error": "Invalid credentials in Authorization header"})
        path = urlsplit(self.path).path
        if path == "/api/validate-yaml":
            return self._send(200, {"errors": [], "warnings": []})
        content = [json.loads(line) for line in data.splitlines()] if "/commit/" in path else json.loads(data)
        if path == "/api/repos/create":
            return self._create(content)
        if path.endswith("/info/lfs/objects/batch"):
            return self._batch(content)
        _, _, _, owner, name, verb, *rest = path.split("/")
        repo = self.server.repos.get(f"{owner}/{name}")
        if repo is None:
            return self._send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        revision = unquote(rest[0])
        if verb == "branch":
            if revision in repo.branches:
                return self._send(409, {"error": "exists"})
            repo.branches[revision] = repo.branches["main"]
            return self._send(200, {})
        if verb == "preupload":
            return self._preupload(content)
        self._commit(f"{owner}/{name}", repo, revision, content)

    def _create(self, content: dict) -> None:
        name = f"{content.get('organization') or 'me'}/{content['name']}"
        if name in self.server.repos:
            return self._send(409, {"error": "You already created this model repo", "url": name})
        self.server.put(name, {".gitattributes": b"*.safetensors filter=lfs\n"})
        self.server.repos[name].private = content.get("visibility") == "private" or bool(
            content.get("private")
        )
        self._send(200, {"url": f"{self.server.address}/{name}", "id": name, "name": name})

    def _preupload(self, content: dict) -> None:
        def mode(path: str) -> str:
            return "lfs" if path.endswith((".safetensors", ".png")) else "regular"

        files = [
            {"path": f["path"], "uploadMode": mode(f["path"]), "shouldIgnore": False}
            for f in content["files"]
        ]
        self._send(200, {"files": files})

    def _batch(self, content: dict) -> None:
        def action(item: dict) -> dict:
            if item["oid"] in self.server.objects:
                return item
            return {**item, "actions": {"upload": {"href": f"{self.server.address}/objects/{item['oid']}"}}}

        self._send(200, {"transfer": "basic", "objects": [action(item) for item in content["objects"]]})

    def _commit(self, name: str, repo: Repo, revision: str, lines: list[dict]) -> None:
        if revision not in repo.branches:
            return self._send(404, {"error": "no branch"}, {"X-Error-Code": "RevisionNotFound"})
        files = dict(repo.commits[repo.branches[revision]])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        commit = self.server.put(name, files, revision)
        self._send(200, {"commitUrl": f"{self.server.address}/{name}/commit/{commit}", "commitOid": commit})

    def _get(self, body: bool) -> None:
        if self._faulty():
            return
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/")[1:]]
        if parts[0] == "objects":
            assert "Authorization" not in self.headers
            return self._file(self.server.objects[parts[1]], {"ETag": f'"{parts[1]}"'}, body)
        if parts[:2] == ["api", "models"]:
            name, revision, path = "/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main", None
        elif parts[2:3] != ["resolve"]:
            return self._send(404, {"error": "no such page"}, {}, body)
        else:
            name, revision, path = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        repo = self.server.repos.get(name)
        allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repo is None or (repo.private and not allowed):
            return self._send(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}, body)
        commit = repo.branches.get(revision, revision)
        if commit not in repo.commits:
            return self._send(404, {"error": "Invalid rev"}, {"X-Error-Code": "RevisionNotFound"}, body)
        if path is None:
            return self._send(200, self._info(name, repo, commit), {}, body)
        if repo.gated and not allowed:
            return self._send(401, {"error": "gated"}, {"X-Error-Code": "GatedRepo"}, body)
        if path not in repo.commits[commit]:
            return self._send(404, {"error": "no entry"}, {"X-Error-Code": "EntryNotFound"}, body)
        self._resolve(repo.commits[commit][path], path, commit, body)

    def _info(self, name: str, repo: Repo, commit: str) -> dict:
        siblings = []
        for path, data in repo.commits[commit].items():
            size = self.server.listed.get(path, len(data))
            siblings.append({"rfilename": path, "size": size, "blobId": hashlib.sha1(data).hexdigest()})
            if path.endswith(".safetensors"):
                digest = hashlib.sha256(data).hexdigest()
                siblings[-1]["lfs"] = {"sha256": digest, "size": size, "pointerSize": 134}
        facts = {"id": name, "sha": commit, "private": repo.private, "gated": "auto" if repo.gated else False}
        return {**facts, "tags": [], "downloads": 0, "likes": 0, "siblings": siblings}

    def _resolve(self, data: bytes, path: str, commit: str, body: bool) -> None:
        headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}
        if path.endswith(".safetensors"):
            digest = hashlib.sha256(data).hexdigest()
            self.server.objects[digest] = data
            headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data))}
            headers |= {"ETag": '"of the pointer"', "Location": f"{self.server.storage}/objects/{digest}"}
            return self._send(302, {}, headers, body)
        self._file(data, headers, body)

    def _file(self, data: bytes, headers: dict[str, str], body: bool) -> None:
        fault = next((f for word, f in self.server.faults.items() if word in self.path and body), None)
        if fault == "flip":
            data = data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]
        sent = data[: len(data) // 2] if fault == "cut" else data
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if body:
            self.wfile.write(sent)

    def _faulty(self) -> bool:
        self.server.requests.append((self.command, self.path))
        for word, fault in self.server.faults.items():
            if word in self.path and isinstance(fault, int):
                self._send(fault, {"error": "a fault of the hub"}, {}, self.command != "HEAD")
                return True
            if word in self.path and fault == "hang":
                threading.Event().wait(self.server.hang)
                self.close_connection = True
                return True
        return False

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status: int, content: object, headers: dict | None = None, body: bool = True) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

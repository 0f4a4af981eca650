"""Pictures of a published layout: blob map, centre markers, entropy of the alphas (Epstein et al. 2022).

Colours are in 0..1 unless said. Nothing here needs gradients or a plotting library.
"""

from __future__ import annotations

import base64
from functools import cache

import numpy as np
import torch
from torch import Tensor

from kernels.splat import composite, splat

MARKER = range(-3, 3)  # a centre marker is 6 x 6 pixels: a dark ring around 4 x 4 bright ones

# The 256 colours of matplotlib's "plasma" (Nathaniel Smith and Stefan van der Walt, CC0): red, green, blue,
# each as a 24-bit fraction, base 85.
_PLASMA = (
    "4CUqrp(}?eUJyg&2S)9Pde9R}RR;F?iMrDk5~T*PA&Tpw7_3VMaW{+(@f#t5200y#CUYHl#0Ce%jx#17xElrARgX4UA>+6Ova^se"
    "CL{ij1&v3MBsnGv90h7wk`P%a3pE8vVv_ajDgb^3DeaThnJer@1q*bPud^-Bs|4+{m4uKltEdFfMwV2PF@W_1ve}m(-7`>K1eH3M"
    "=Cd^#b_916n5joL-=qXsSea+KIG|nxIVPGS96DVX1Q`jM*pNIHNCWrqn~Nqr%pn8Ss+>9QKYs=TvPPWb>On6&1C7O<j2S}Q;{#|X"
    "o-b-dh%W;{Tb|DTMloRn8IzxCwMW>D0`TFW0)0t+&;rM0pq6J#Az%WXQlTb6Ov6k9a+jg998P1$0!L?}ImA!`(E=OuqP;v(po{_V"
    "fTKKLQ#}U(#V(__4pi7x0h&^zEl5^!WC3t4q@LSY3wQxX7o`ifS)*<NA1<YH$y+*D0Ql&o*5F*wMgY`_rZnqbWk~?Cg{F<kU->`)"
    "lOd+zSYeDy0CwW1FLq-dYye&Rr+6e}uaW>s0;jtkW<SgTI83MbRA<i%04#5)FQjQ*P5>p)s9^qT>XrZ`_Na_MY<A%QDpshmR&D|i"
    "05*20&=YTrLjXzKsOWTY6<Gje?Wp=la-CuTh*7Bpd~_r&0JM#%3KMmy+5qZ0sR!wIE=U0>+^GKEc(G>zbRDSg0(vty0m*Tw*fV>x"
    "rUEK&sJe4~GPMGiuc(!;ey~CV5yz-$*MKZ;1DPDCHtT_=_yjIyr~KN3AMOOwJ*T_IgqJ}Dg(s(TuZ9fI21mQ6B!q{6nFkterp{J~"
    "@|_3$)~0bbiek$M@_eQZMT^k!3HaotqH>KrF$)Uzr7+))r+N$>;-t8)kPny*G7h9U?vZt#4o7#Rw8N6wiw|A@qbW_4J3bI~w4#@t"
    "m71jyj%A_$_m=n45~w1fVr!UEqZ7ippua1bs|Xa{JD?V6n*k6N`iGxrS)5d?7Z;qKwHuwK+88xio&4gS^o$u(y`4Yupg^t~a;Ths"
    "d!dR{8<HuTxU!<rYaFr=n(nrw72_S!YnmYLrB~e^^DLQ9Sf-asAQV8DdRnK{7a=vMm!cM_4n-nYLzc$Pszu}@c@UN8v#WacB%2_W"
    "2n(#Oc_qC-lqBV?-EAh{gOfj&uL{E`0oIaOPp~zcDI__OZ!)o6_9{lMkc5M>gVQT%BafJ4v!@{}i<ge7^R&nmEv^iWymz(ci7wD^"
    "jLi?X0+KKC)QjBCxEww)6(@@8_PH~lGB;_7`lz}{lrveHi3s+)TTV24yNDM6ylcHRoy&(L`n`GrHowY-GX=hd{5Rpbg+UL$kKH)~"
    "mV{3`z?XzNC1ZnKyTP3!J4Y~rY<|L^sXS=xfqS>Zq9#3xmw<~@#G#8mtW$rRX2qWgKh6JstPsYUkU;OdeZ67FlpsP8W_-_E$cxEC"
    "Gc$YQ49S6vL{$KK^=8U-ctv*IdI@LCXOBjh-FY4|%va$@y8U=Fq|HWNNZmkpN#M>i6-oc2c3{-c9tTSzI(2w~&<9pbMFMn@2+;1&"
    "O=tacsy5NorA~`Ga>OpuxW`Yf&2iq&)0;(5(xPzs71VqVQTEDk76sK?BvTtlZ!(<LIF?jEIc`tN*A!({Wq)mLu-ER8R*O4qj2+m="
    "7+0}uYpW31o$OfHBWlWu+H)LP|6pnAc-uy)TPGxG3f$ZnlUz@JXe+kd=*V4oaA!>g-M2|zq6ubhsNRGYU(8!&ke}aAKVbJ&WU}et"
    "7^7k%2V>QD;NVnaPlICkH{qr~WPHbB8%yG9Wo4@7VLpN5EXHQp-(X?s<Ly#t3A0~?a^$QBX*zLUsU78L)@p1TUCi0$BhYJ}&s^}P"
    "=G@Y3(tunPgXfd&ZU-$}IAG{W5^p^BT3kNp{4Q{F-dTVO>8(O>tKwLr=jvQea^(b9$D`{BFmxYNR_kBuv*~qO(N+%m>|BX<m!4HJ"
    "a_s`$ch#9xRod;Q_jwfKQ+XinNXB|qeNvo7?&wN;mv~XXNbiMmeA=;4;ydsl9DW~cPz37mxLJQ?cTXpY@lF|ltn*Gu_3`0Lf%V@_"
    "Y(MgG?t?%*OpbZ-|Kfy<9ZRr*^NUA?*?&sXiS!fOhbUr6^gQ&Lu84TZNfqDq9IuJWz(_Z7^_<U(9!p19^Y$7YjB{v4dSmvKc#X;!"
    "MVr+33(t=tTSUD?_ka?Rd_hCr#`p12k=NTp044ZeT9Y*hLLrv;$}N<W>On&&`7z3s^lm_8?fI4;msXZPhST}?E||J=KB*1*RK%Jf"
    "13k-%`mY0<hc`U#Yx@PaobVq!5yJae@}63|J2jyDsFI(@3_4mA`}B69H8MGW5Bxl@qNMydq|*F>8l)DBH_LGR!O5kGy*BeK{QjDz"
    "{>3&M^Zhq{sC9ugMhg9GV5#l#G;yQ-okXi>Co`VU{mK}u<Pb8=(f#teu3^71{@VT*DzD)(F)|JQH&?M@S}<qN{!<~c<u)&%V*YBE"
    "v}xxq+vxs%h_&!dE*jSUj0CrMXDwZU{*~Cd0!A#PJpP*ox{c~9?`!^>jJz8|D?f$)mpHwuPb!q|{*Da4I}j=GEdGE6z|EB@QO5pl"
    "1j1pyD7r!ZRMo@xy(lUI{x@jFk8mfUfBqEC$0*n*A%Xqu^~l5GCaSRgzu(GWp(Z_&{f%hL{_`c;&;3=B&7RjKg6;hn2+u%~B{m-X"
    ")Vk2)?j-d2{EOPsh~6Z?C;UB$)Gt6Jm<#*qbk)~0Bz(8~k0sZD{UmMp`!7V<EEXheW%|kT+Sq?2cg^};;M|7JB##mK?10`jOC++V"
    "`E?lI=Q$+dF8KGk;hC8w8Laqp+2c(nC0g?L>)_=AB_*P@_g#qQxIiWEAoj`>=x=ByJstKix#}nJCWw0VlN{^eQzp#^^zmNpn_edb"
    "NAyf4?^YovCDikzQ1KC2Cngy3`;PL=q9*kt@>GHJhg2qe<?*xe_CO#dn6L35829yqBo(pnq|*7L^C6y<"
)


@cache
def plasma() -> Tensor:
    """(256, 3) float32 in 0..1, dark violet to yellow."""
    digits = np.frombuffer(base64.b85decode(_PLASMA), np.uint8).reshape(256, 3, 3).astype(np.float64)
    return torch.from_numpy((digits @ [65536.0, 256.0, 1.0] / (2**24 - 1)).astype(np.float32))


def blob_map(alphas: Tensor, colours: Tensor) -> Tensor:
    """alphas (N, K + 1, S, S), colours (K + 1, 3) with the background first -> (N, 3, S, S)."""
    return splat(alphas, colours.expand(alphas.shape[0], -1, -1))


def doubled_blob_map(opacities: Tensor, colours: Tensor) -> Tensor:
    """The look of the paper's demo: opacities (N, K, S, S) doubled, at most 1, composited again."""
    return blob_map(composite((opacities * 2).clamp(max=1)), colours)


def mark_centres(picture: Tensor, centres: Tensor) -> Tensor:
    """A copy of picture (N, 3, S, S) with a marker at every centre (N, K, 2) of the published grid.

    First every inner square is set to 1, then every ring to -1; a marker that leaves the picture is cut off
    by clamping its flat pixel index, as published.
    """
    side = picture.shape[-1]
    marked = picture.clone().flatten(2)  # (N, 3, S * S)
    corner = (centres * side).round().long()  # (N, K, 2)
    offsets = [(dx, dy) for dx in MARKER for dy in MARKER]
    ring = {o for o in offsets if {*o} & {MARKER[0], MARKER[-1]}}
    for chosen, value in (([o for o in offsets if o not in ring], 1.0), (sorted(ring), -1.0)):
        shift = torch.tensor(chosen, device=corner.device)  # (P, 2)
        x, y = (corner[:, :, None] + shift).unbind(-1)  # (N, K, P)
        flat = (y * side + x).clamp(0, side * side - 1).flatten(1)
        marked.scatter_(2, flat[:, None].expand(-1, marked.shape[1], -1), value)
    return marked.view_as(picture)


def entropy_picture(alphas: Tensor, *, released: bool = False) -> Tensor:
    """alphas (N, K + 1, S, S) -> (N, 3, S, S) in -1..1: where the blobs dispute a pixel.

    Entropy in bits, stretched from its least to its largest value in each picture, in plasma's colours. An
    alpha of exactly 0 adds nothing; `released`: such a pixel has no entropy at all, as in the released code.
    """
    terms = alphas * alphas.log2()
    if not released:
        terms = terms.nan_to_num(0.0)
    entropy = -terms.sum(1).nan_to_num(0.0)  # (N, S, S)
    low, high = entropy.amin((1, 2), keepdim=True), entropy.amax((1, 2), keepdim=True)
    index = ((entropy - low) / (high - low).clamp(min=1e-12) * 256).long().clamp(max=255)
    return plasma().to(alphas.device)[index].permute(0, 3, 1, 2) * 2 - 1

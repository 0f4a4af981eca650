"""Box3D: rooms painted from 3-D boxes, a camera and lights. Our own family, not a published one."""

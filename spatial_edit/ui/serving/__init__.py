"""How the page is served: live pictures, seats, hardware, compression."""

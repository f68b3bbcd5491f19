//! The HTTP/1.1 client: one request and its response at a time over a kept-alive connection (RFC 9110, 9112).

//! rtnetlink requests, answers and errors; neli only for the socket.

//! What the kernel holds: links, addresses, routes, neighbours, queueing disciplines.

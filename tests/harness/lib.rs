//! The laboratory: namespaces, processes, servers, certificates and QEMU for the tests and the demo.

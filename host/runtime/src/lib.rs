//! The sandbox: runs policies as WebAssembly components.

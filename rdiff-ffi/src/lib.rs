//! C ABI of rdiff-core.

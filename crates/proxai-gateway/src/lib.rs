//! The tower layers and bodies of the proxy

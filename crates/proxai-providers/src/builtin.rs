pub(crate) const FILES: [(&str, &str); 0] = [];

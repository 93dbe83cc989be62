//! The decoder and the encoder through their public surface.

mod copying;
mod encoding;
mod fuzz_smoke;
mod limits;
mod reading;
mod repair;
mod seeds;

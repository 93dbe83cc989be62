//! Fixture loading, split-point drivers and a scripted upstream, for tests

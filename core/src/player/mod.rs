//! The player: decides which segment to fetch when, by a track and a selector; performs nothing.

//! Bitrate choice: facts in, decision out. Uses nothing else.

//! Plays a DASH stream: performs what the player decides, and reports what happened.

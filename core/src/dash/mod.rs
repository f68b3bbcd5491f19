//! The DASH manifest (ISO/IEC 23009-1): octets to tokens to elements to a track to segments to URLs.

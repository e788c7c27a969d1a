//! Part of the controllers' machinery.

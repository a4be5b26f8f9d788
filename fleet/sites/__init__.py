"""Sites from survey to live, and the docks in them."""

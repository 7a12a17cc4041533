//! Configuration of the gateway: text to shape to checked values.

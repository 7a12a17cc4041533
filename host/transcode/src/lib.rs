//! JSON to protobuf and back, by descriptors and google.api.http.

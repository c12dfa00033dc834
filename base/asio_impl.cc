// Asio's non-template parts, compiled once.
#include <asio/impl/src.hpp>

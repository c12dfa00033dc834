// What blocking sockets do on loopback with nothing in between, one thread on each side.
#pragma once

#include "tools/bench/bench.h"

namespace vortex::bench {

// Bytes a second, written in blocks of `block`.
Result<double> raw_stream(double seconds, std::size_t block);
// Round trips a second of messages of `size` bytes with so many in flight; each message comes back as it was.
Result<double> raw_round_trips(double seconds, std::size_t size, std::size_t in_flight);
// Of one message in flight.
Result<Latency> raw_latency(double seconds, std::size_t size);

}  // namespace vortex::bench

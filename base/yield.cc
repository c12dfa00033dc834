#include "base/yield.h"

namespace vortex {

Task<void> yield(Loop& loop) {
  Parking parking(loop);
  auto wake = [&parking] { parking.wake(); };
  asio::post(loop.context(), wake);
  co_await parking.park_uncancellable();
}

}  // namespace vortex

// Task<T>: what every coroutine of ours returns. A task starts when it is awaited or spawned in a TaskGroup.
#pragma once

#include "base/asio.h"
#include "base/result.h"

namespace vortex {

template <class T = void>
using Task = asio::awaitable<T>;

}  // namespace vortex

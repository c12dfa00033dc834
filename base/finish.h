// The end of a group inside a coroutine: waiting for its tasks without forgetting that we may be cancelled ourselves.
#pragma once

#include "base/task_group.h"

namespace vortex {

// Returns when no task of the group is left. When the caller is cancelled, so is the group: what its tasks wait for may
// never come. `TaskGroup::join` alone is for groups whose tasks must go on in spite of that.
inline Task<void> finish(TaskGroup& group) {
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    group.cancel();
  } else if (state.slot().is_connected()) {
    // Joining does not use the slot, and clears it when it is over.
    state.slot().assign([&group](asio::cancellation_type) { group.cancel(); });
  }
  co_await group.join();
  if (state.slot().is_connected()) state.slot().clear();
}

}  // namespace vortex

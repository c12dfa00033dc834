// Limits of the groups of one node.
#pragma once

#include "base/limits.h"
#include "dht/groups/state_machine.h"

namespace vortex::dht::groups {

// One frame of messages; one message may be larger.
inline constexpr std::size_t kMailBytes = 512 * kKiB;
inline constexpr std::size_t kUrgentBytes = 64 * kKiB;
// What waits for one peer. Beyond it the oldest are dropped; Raft says again what matters.
inline constexpr std::size_t kMailQueueBytes = 8 * kMiB;
// Frames under way to one peer.
inline constexpr std::size_t kMailCallsMax = 4;
inline constexpr Duration kUrgentPatience = seconds(3);
inline constexpr Duration kMailPatience = seconds(10);

// One append of one group, and how many of them to one follower are not answered yet.
inline constexpr std::size_t kAppendBytes = 256 * kKiB;
inline constexpr std::size_t kAppendsInFlight = 16;
static_assert(kCommandMax + kKiB <= 4 * kMiB, "an append with one command fits a frame");
// Of one group, proposed and not decided.
inline constexpr std::size_t kUncommittedBytes = 8 * kMiB;
// Callers that wait for commands of one group.
inline constexpr std::size_t kProposalsMax = 16 * 1024;

// Applied entries are on disk; some stay in memory too, for members that are a little late. All groups' together, and
// one group's share of it.
inline constexpr std::size_t kLogTailsBytes = 16 * kMiB;
inline constexpr std::size_t kLogTailBytesMin = 64 * kKiB, kLogTailBytesMax = 1 * kMiB;
// More of them for a member that is far behind or fetches a snapshot; beyond that it needs another one.
inline constexpr std::size_t kLogForLateShares = 16;

inline constexpr std::size_t kSnapshotsOutMax = 2;
inline constexpr std::size_t kSnapshotsInMax = 2;
// A snapshot that nobody asks about for so long is given up, by either side.
inline constexpr Duration kSnapshotPatience = seconds(4);
inline constexpr Duration kPiecePatience = seconds(3);
inline constexpr std::size_t kCheckpointsAtOnce = 2;

// Commands applied before others get their turn.
inline constexpr std::size_t kApplyBytes = 1 * kMiB;
// Timers are rounded up to this, so that many groups are seen to at once.
inline constexpr Duration kTimerStep = milliseconds(10);
// Those that are this far away, as idle groups' are, by more.
inline constexpr Duration kFarTimer = milliseconds(200), kFarTimerStep = milliseconds(50);
// Waiting readers and proposals are looked at this often.
inline constexpr Duration kWaitersPeriod = milliseconds(20);
// A proposal whose leader is gone may still be decided; after so long its outcome is called unknown.
inline constexpr Duration kLostLeaderPatience = seconds(2);

// One batch in the log.
inline constexpr std::size_t kWriteBytes = 1 * kMiB;
inline constexpr Duration kNoSpaceRetry = milliseconds(500);

}  // namespace vortex::dht::groups

// What a group decides about. The host (host.h) brings decided commands in their order; the machine holds the state
// they make, gives it away in pieces, and keeps it on disk. Loop thread only; one object is one replica's state.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "dht/raft/types.h"
#include "wal/checkpoint.h"

namespace vortex::dht::groups {

using raft::GroupId;
using raft::Index;

// One piece of a snapshot on its way to another replica.
inline constexpr std::size_t kSnapshotPieceMax = 1 * kMiB;
// One command. A record of the log holds it with what the host adds.
inline constexpr std::size_t kCommandMax = kFrameBodyMax + 32 * kKiB;
static_assert(kCommandMax + 64 <= kWalRecordMax);

// The state as it was at one moment, while later commands are applied to the machine beside it (copy-on-write, or
// whatever serves). It is destroyed before the machine is. One of the two functions is used, not both.
class FrozenState {
 public:
  virtual ~FrozenState() = default;

  // For another replica: the next piece, of at most kSnapshotPieceMax; an empty one at the end. All pieces in their
  // order are the whole state, also what the machine keeps in files of its own. An error ends it.
  virtual Task<Result<ByteVector>> next_piece() = 0;

  // For this replica's next start: writes the state, or what leads to it. What it names of the machine's own files is
  // durable on return. The host finishes the checkpoint and then says so by StateMachine::checkpointed().
  virtual Task<Status> save(wal::CheckpointWriter& to) = 0;
};

class StateMachine {
 public:
  virtual ~StateMachine() = default;

  // Of what save() and next_piece() give; load() and add_piece() are told what was said then, and may refuse with
  // `unsupported_version`.
  virtual std::uint32_t format() const = 0;

  // A command is decided. In the order of the indices (which have gaps), each once: after load() or the pieces, those
  // behind that state. The result depends on the state and the command alone, on every replica. The answer goes to
  // whoever proposed it, if that was here. It cannot fail and does not wait; the view is good during the call.
  virtual ByteVector apply(Index index, ByteView command) = 0;

  // Several may be there at once; only one of them is being saved.
  virtual std::unique_ptr<FrozenState> freeze() = 0;
  // The state last saved is the one the next start will load: files that only earlier ones named may go.
  virtual void checkpointed() = 0;

  // Into a machine that was just made, before anything is applied. `damaged` and so on: it is given up.
  virtual Task<Status> load(wal::CheckpointReader& from) = 0;
  virtual Task<Status> add_piece(std::uint32_t format, ByteVector piece) = 0;
  // All pieces were added.
  virtual Task<Status> pieces_end() = 0;

  // What it holds in memory.
  virtual std::size_t memory_bytes() const = 0;
  // Cancels and joins whatever it runs; nothing is called afterwards.
  virtual Task<void> stop() = 0;
};

class StateMachines {
 public:
  virtual ~StateMachines() = default;
  // An empty machine. `directory` exists and is this object's alone for files of its own, flat; it is empty, unless
  // load() follows: then it holds what the saved object had there. The host removes directories that are not needed.
  virtual std::unique_ptr<StateMachine> make(GroupId group, std::string directory) = 0;
};

}  // namespace vortex::dht::groups

// Where a chunk's copies should be, and how the nodes are that hold some.
#pragma once

#include <optional>
#include <vector>

#include "base/clock.h"
#include "dht/members/directory.h"
#include "node/members_view.h"
#include "node/upkeep/full_nodes.h"

namespace vortex::node {

enum class HolderHealth : std::uint8_t {
  well,  // answers, as far as is known
  away,  // dead, and may be back soon
  lost,  // dead for so long that its place was given to others; what it holds may come back with it
  gone,  // belongs to the cluster no more and never will: its copies count for nothing
};

class Places {
 public:
  virtual ~Places() = default;
  // The first owners, as many as there are up to `count`. Nodes that are away are among them, lost ones are not.
  virtual std::vector<NodeId> owners(const ChunkId& chunk, std::size_t count) = 0;
  virtual HolderHealth health(const NodeId& node) const = 0;
  // Has it said lately that it has no space?
  virtual bool full(const NodeId& node) const = 0;
  virtual void note_full(const NodeId& node) = 0;
  virtual std::vector<NodeId> all_full() const = 0;
  // Nodes that own anything.
  virtual std::size_t size() = 0;
  // Members but those that died long ago, and those of them that do not answer.
  virtual std::size_t members() const = 0;
  virtual std::size_t silent() const = 0;
  // Raised when any of it has changed, and by nothing else: what was counted before is counted no more then.
  virtual std::uint64_t changes() const = 0;
};

// A death is recent for so long. Those that are older are no sign any more of a fault that befalls many at once.
inline constexpr Duration kRecentDeath = std::chrono::hours(1);

class MemberPlaces final : public Places {
 public:
  // Both outlive it.
  MemberPlaces(const Clock& clock, const dht::Directory& directory)
      : clock_(clock), directory_(directory), view_(directory), full_(clock) {}
  std::vector<NodeId> owners(const ChunkId& chunk, std::size_t count) override;
  HolderHealth health(const NodeId& node) const override;
  bool full(const NodeId& node) const override { return full_.full(node); }
  void note_full(const NodeId& node) override { full_.note(node); }
  std::vector<NodeId> all_full() const override { return full_.all(); }
  std::size_t size() override { return view_.places(); }
  std::size_t members() const override;
  std::size_t silent() const override;
  std::uint64_t changes() const override;

 private:
  struct Dead {
    std::size_t recent = 0, long_since = 0;
  };
  Dead dead() const;
  // Follows the directory.
  void look() const;

  const Clock& clock_;
  const dht::Directory& directory_;
  MembersView view_;
  FullNodes full_;
  // As of those changes of the directory; of each member in its place there, since when it was seen to be dead.
  mutable std::vector<std::optional<Instant>> dead_since_;
  mutable std::uint64_t heard_ = 0, placed_ = 0, changes_ = 1;
};

}  // namespace vortex::node

// The member directory: everybody, in about 64 bytes each. Whole on every node, merged from what others say.
//
// A member's address and health count by (boot epoch, incarnation), which only the member itself raises, and within one
// life by severity: so it can refute what is said of it. Standing, zone and capacity are a decision and count by its
// version. Merging is commutative: directories that have heard the same are equal.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/random.h"
#include "dht/members/member.h"
#include "dht/members/names.h"

namespace vortex::dht {

// What a merge has changed.
struct MemberChange {
  bool added = false;
  bool life = false;      // boot epoch or incarnation, and with them perhaps the address
  bool rebooted = false;  // boot epoch: what was promised and staged in the older one is void
  bool address = false;
  bool health = false;
  bool decision = false;  // standing, zone or capacity
  bool exact = false;     // what is known now is just what was said
  bool any() const { return added || life || address || health || decision; }
};

class Directory {
 public:
  static constexpr std::size_t kBuckets = 256;
  using Digests = std::array<std::uint32_t, kBuckets>;
  // The member as it is now, and what changed.
  using Observer = std::function<void(const Member& now, const MemberChange& change)>;

  Directory();
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // Refused (invalid_argument, or busy when it is full): fields that break a limit. They change nothing.
  Result<MemberChange> merge(const Member& member);

  std::optional<Member> find(const NodeId& id) const;
  Life life(const NodeId& id) const;  // zeros when it is not there
  bool knows(const NodeId& id) const { return place_of(id).has_value(); }
  // Without making a copy of everything; of a member that is not there: dead, left.
  Health health(const NodeId& id) const;
  Standing standing(const NodeId& id) const;

  std::size_t size() const { return size_; }
  // Those that belong and are not dead. Those that belong.
  std::size_t alive() const { return alive_; }
  std::size_t belonging() const { return belonging_; }

  // In the order in which they were learned, which is the same in every run but not on every node. Sorted by id.
  void for_each(const std::function<void(const Member&)>& visit) const;
  std::vector<Member> all() const;
  // By their place in that order; for random choices.
  Member at(std::size_t place) const;
  // Cheap looks at [0, size()).
  const NodeId& id_at(std::size_t place) const;
  Health health_at(std::size_t place) const;
  Standing standing_at(std::size_t place) const;
  bool address_is(std::size_t place, const Address& address) const;

  // Dead as far as this node can tell, who can reach nobody: an opinion that is not gossiped, since it may be this node
  // that is cut off. It ends with any other news of the member's life. find() and at() tell what is gossiped; health(),
  // health_at(), alive(), for_each(), all() and observers what this node thinks.
  void set_silent(const NodeId& id, bool silent);
  bool silent(const NodeId& id) const;

  // A member that has been dead for so long that it is no place for data. An opinion of this node, not gossiped.
  void set_lost(const NodeId& id, bool lost);
  bool lost(const NodeId& id) const;

  // Raised by every change, and by every change that a ring would show (who, standing, zone, capacity, lost).
  std::uint64_t changes() const { return changes_; }
  std::uint64_t placement_changes() const { return placement_changes_; }

  // Observers are called after each change, inside merge(); they may look but not merge. The number ends it.
  std::uint64_t observe(Observer observer);
  void unobserve(std::uint64_t number) { observers_.erase(number); }

  // --- for gossip and anti-entropy ---
  // Positions count changes; a position older than this is forgotten and whoever stands there must compare digests.
  std::uint32_t position() const { return static_cast<std::uint32_t>(changes_); }
  std::uint32_t oldest_position() const;
  // Calls visit(place, position) for members that changed after `position`, each once, at its latest change, oldest
  // first, until it returns false.
  void changed_since(std::uint32_t position, const std::function<bool(std::size_t, std::uint32_t)>& visit) const;
  // Where the last change of a member stands.
  std::uint32_t last_change(const NodeId& id) const;
  // The sum of all members' digests; equal directories have equal ones.
  std::uint32_t digest() const { return digest_; }
  const Digests& bucket_digests() const { return digests_; }
  static std::size_t bucket_of(const NodeId& id) { return id.bytes[0]; }

  // What it takes in memory.
  std::size_t memory() const;

 private:
  struct Entry;
  static constexpr std::size_t kBlock = 64;
  static constexpr std::size_t kLogMax = 4096;

  Entry& entry(std::size_t place) const;
  std::optional<std::size_t> place_of(const NodeId& id) const;
  std::size_t add(const NodeId& id);
  void grow_index();
  void put_index(std::size_t place);
  Member expand(const Entry& entry) const;
  Member expand_as_seen(const Entry& entry) const;
  Address address_of(const Entry& entry) const;
  bool same_address(const Entry& entry, const Address& address) const;
  Status set_address(Entry& entry, const Address& address);
  Status set_zone(Entry& entry, const std::string& zone);
  void forget_unused_names();
  bool nothing_new(const Entry& entry, const Member& member) const;
  bool says_the_same(const Entry& entry, const Member& member) const;
  Status fill(Entry& entry, const Member& member);
  void announce(std::size_t place, const MemberChange& change);
  void tell(std::size_t place, const MemberChange& change);
  Status merge_life(Entry& entry, const Member& member, MemberChange& change);
  Status merge_decision(Entry& entry, const Member& member, MemberChange& change);
  std::uint32_t digest_of(const Entry& entry) const;
  // Takes the entry out of, or into, the counts and digests.
  void leave(const Entry& entry);
  void enter(const Entry& entry);
  void log_change(std::size_t place);

  std::vector<std::unique_ptr<Entry[]>> blocks_;  // places never move
  std::size_t size_ = 0;
  std::vector<std::uint32_t> index_;  // open addressing: place + 1; 0 is free
  Names hosts_{kMembersMax}, zones_{kZonesMax};
  std::size_t alive_ = 0, belonging_ = 0;
  std::uint64_t changes_ = 0, placement_changes_ = 0;
  std::vector<std::uint32_t> log_;  // the last changes: place, at [position % kLogMax]
  std::uint32_t digest_ = 0;
  Digests digests_{};
  std::map<std::uint64_t, Observer> observers_;
  std::uint64_t next_observer_ = 1;
};

// Some members that belong and are not dead, other than `self`, drawn without doubles.
std::vector<Member> sample_alive(const Directory& directory, const NodeId& self, std::size_t count, Random& random);

}  // namespace vortex::dht

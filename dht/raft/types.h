// The words of Raft: replicas, entries, configurations and the one message that replicas of a group exchange.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/codec.h"
#include "base/id.h"

namespace vortex::dht::raft {

using Term = std::uint64_t;
using Index = std::uint64_t;
using GroupId = std::uint32_t;

// A node's membership of a group. A node that leaves and comes back is a new generation, so nothing said to or by
// the old one can be taken for the new one's.
struct Replica {
  NodeId node;
  std::uint64_t generation = 0;
  auto operator<=>(const Replica&) const = default;
  VORTEX_FIELDS(node, generation)
};

enum class EntryKind : std::uint8_t { noop, command, configuration };
constexpr EntryKind max_enum_value(EntryKind) { return EntryKind::configuration; }

struct Entry {
  Term term = 0;
  Index index = 0;
  EntryKind kind = EntryKind::noop;
  ByteVector data;
  VORTEX_FIELDS(term, index, kind, data)
};

// What must be on disk before anything said by it is: the term and who got this replica's vote in it.
struct HardState {
  Term term = 0;
  std::optional<Replica> vote;
  bool operator==(const HardState&) const = default;
  VORTEX_FIELDS(term, vote)
};

enum class MessageKind : std::uint8_t {
  pre_vote,        // "would you vote for me?" index, log_term: the end of the asker's log
  pre_vote_reply,  // refused
  vote,            // index, log_term; released: the leader of the term before has asked for it
  vote_reply,      // refused
  append,          // index, log_term: the entry before `entries`; commit
  append_reply,    // index: the last entry that matches and is durable, or when refused where to look
  timeout_now,     // leadership is being handed over: stand for election at once
  stepped_down,    // the sender does not lead in this term, or not any more; do not wait for its heartbeats
  still_leading,   // "do you?" answered by an append or by stepped_down
};
constexpr MessageKind max_enum_value(MessageKind) { return MessageKind::still_leading; }

struct Message {
  GroupId group = 0;
  std::uint32_t group_epoch = 0;  // raised by `recover`; messages of an older epoch are ignored
  Replica from;
  Replica to;
  std::uint64_t boot_epoch = 0;  // of the sender's node
  MessageKind kind = MessageKind::append;
  Term term = 0;
  Index index = 0;
  Term log_term = 0;
  Index commit = 0;
  bool refused = false;
  bool released = false;
  std::vector<Entry> entries;
  VORTEX_FIELDS(group, group_epoch, from, to, boot_epoch, kind, term, index, log_term, commit, refused, released,
                entries)
};

}  // namespace vortex::dht::raft

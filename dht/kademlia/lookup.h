// One lookup: from the nodes one knows to those nearest to an id, by asking nearer and nearer ones.
#pragma once

#include "dht/kademlia/kademlia.h"
#include "dht/kademlia/shortlist.h"

namespace vortex::dht {

class Lookup {
 public:
  Lookup(Kademlia& owner, const Id& target, FindOptions options);

  // Where to begin beside the owner's table: a node that answered a moment ago, and whom it named.
  void begin_with(const Contact& contact, const std::vector<Contact>& named);
  // To its end. Once.
  Task<Result<Found>> run();

 private:
  void seed();
  void ask_more();
  Task<void> ask(Contact contact);
  void take(const Contact& from, const std::vector<Contact>& named);
  void expect_late(const NodeId& id);
  void mark_late();
  void arm(Instant deadline);
  Result<Found> outcome();

  struct Asked {
    NodeId id;
    Instant late_at;
  };
  Kademlia& owner_;
  Env& env_;
  const Id target_;
  const FindOptions options_;
  Shortlist list_;
  std::vector<Asked> asked_;  // in the order of asking; some have answered meanwhile
  unsigned requests_ = 0, failures_ = 0;
  bool changed_ = false;
  bool began_alone_ = false;  // nobody was known to ask
  TimerId timer_ = kNoTimer;
  Parking waiting_;
  TaskGroup queries_;
};

}  // namespace vortex::dht

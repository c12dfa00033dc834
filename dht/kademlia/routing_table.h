// Whom a node knows: k-buckets. Bucket i holds contacts whose ids share exactly i leading bits with the node's own.
//
// Only those stand in a bucket that have answered a call to their address, over a connection whose handshake proved
// their id. Whoever was merely named, or called us, is a candidate ("spare") until it has answered too. A full bucket
// keeps those it has: who has been there for long will be there for longer. All memory is bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "dht/kademlia/contact.h"
#include "dht/kademlia/limits.h"

namespace vortex::dht {

struct TableLimits {
  std::size_t bucket_max = kBucketMax;
  std::size_t table_max = kTableMax;    // contacts in all buckets, and as many spares
  std::size_t spares_max = kSparesMax;  // behind a bucket
};

class RoutingTable {
 public:
  struct Known {
    Contact contact;
    Instant since;          // its first answer
    Instant heard;          // its latest sign of life
    unsigned failures = 0;  // in a row, since then
    Instant checked;        // when it was last given out by next_to_check or next_to_challenge
    Instant quiet() const { return heard > checked ? heard : checked; }
  };
  enum class Place { in_bucket, spare, refused };

  RoutingTable(const NodeId& self, TableLimits limits);

  // It has just answered at this address.
  Place proven(const Contact& contact, Instant now);
  // It is said to be there. Nothing changes for those in buckets.
  Place named(const Contact& contact);
  // A sign of life of whoever has this id, at whatever address.
  void heard(const NodeId& id, Instant now);
  // It did not answer. A proven spare takes its place; where there is none it stays for a while, as long as it is not
  // clear whether the fault is ours, but it is told to nobody.
  void failed(const NodeId& id);
  // No spare any more, until it is named or proven again.
  void dismiss(const NodeId& id);
  // It is not there, or not one of us any more.
  void forget(const NodeId& id);
  // More room takes effect as contacts come; with less, those with the most failures and then the newest go.
  void set_limits(TableLimits limits);

  // Nearest first. Those that failed lately are left out.
  std::vector<Contact> closest(const Id& target, std::size_t count) const;
  // For lookups of our own: where too few others are known, also those that failed lately, then spares.
  std::vector<Contact> candidates(const Id& target, std::size_t count) const;
  // Would somebody new of this id be put into a bucket?
  bool has_room(const NodeId& id) const;
  // Null when it is in no bucket.
  const Known* find(const NodeId& id) const;

  // A spare whose bucket has room (or someone in it that failed): worth a call to see whether it is there. It is given
  // out once.
  std::optional<Contact> next_to_verify();
  // The same about this one.
  bool worth_verifying(const NodeId& id);
  // The contact that has been silent for the longest time, when that is longer than `silence`. Its silence counts from
  // now on.
  std::optional<Contact> next_to_check(Instant now, Duration silence);
  // Whom to ask whether it is still there, so that a newcomer can have its place: the one that was silent for the
  // longest time in a full bucket behind which proven spares wait, when that is longer than `silence`.
  std::optional<Contact> next_to_challenge(Instant now, Duration silence);

  std::size_t size() const { return size_; }
  std::size_t spares() const { return spares_; }
  std::size_t bucket_size(std::size_t index) const {
    return index < buckets_.size() ? buckets_[index].known.size() : 0;
  }
  // Buckets up to the last that holds anything.
  std::size_t depth() const { return buckets_.size(); }
  std::size_t bucket_of(const NodeId& id) const;
  bool full() const { return size_ >= limits_.table_max; }
  // The newest sign of life of anybody.
  Instant last_heard() const { return last_heard_; }
  std::size_t memory_bytes() const;
  // Every rule above, for tests.
  void check_invariants() const;

 private:
  struct Spare {
    Contact contact;
    bool proven = false;
    bool tried = false;  // a verification was begun
    Instant heard;       // if it is proven
  };
  // A contact is in `known` or in `spares`, never in both, and never both in two buckets.
  struct Bucket {
    std::vector<Known> known;   // sorted by id; at most bucket_max
    std::vector<Spare> spares;  // oldest first; at most spares_max
  };

  Bucket* bucket_at(const NodeId& id);
  Bucket& make_bucket(std::size_t index);
  void shrink();
  bool add(Bucket& bucket, const Contact& contact, Instant now);
  bool open(const Bucket& bucket) const;
  bool drop_spare(Bucket& bucket, const NodeId& id);
  std::optional<Contact> challenge(Known* oldest, Instant now, Duration silence);
  Place add_spare(Bucket& bucket, const Contact& contact, std::optional<Instant> proven);
  bool make_room(Bucket& bucket, const Contact& contact);
  void remove(Bucket& bucket, std::vector<Known>::iterator place);
  bool promote(Bucket& bucket);
  template <class Take>
  void gather(const Id& target, std::size_t count, const Take& take) const;

  const NodeId self_;
  TableLimits limits_;
  std::vector<Bucket> buckets_;
  std::size_t size_ = 0, spares_ = 0;
  Instant last_heard_;
};

}  // namespace vortex::dht

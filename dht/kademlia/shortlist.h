// What one lookup has in view: candidates by their distance from the target, and what became of each.
//
// Invariants:
//  1. Entries are sorted by distance; no id stands twice, and no address more than kIdsAtAddress times.
//  2. fresh → asked → answered or failed; asked → late → answered or failed. Nothing else ever happens to an entry, and
//     only a fresh one is forgotten: when more than kShortlistMax are in view, the farthest; or when whoever named it
//     is a liar: kLiesMax of those it named failed, and more than kLiesForTruth for each that answered.
//  3. At most kParallel entries are asked and not late; at most kInFlightMax are asked or late.
//  4. Only entries that answered are results. The lookup is over when the nearest of those that have not failed have
//  all
//     answered: `count` of them, of which no origin provides more than kOriginShare, or twice as many whatever their
//     origins; or when nobody is left to ask and nobody is asked.
//  5. An entry is asked only while the lookup could not be over without it (late ones do not count).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dht/kademlia/contact.h"
#include "dht/kademlia/limits.h"

namespace vortex::dht {

class Shortlist {
 public:
  Shortlist(const Id& target, std::size_t count);

  // From the lookup's own table, or named by `source` in its answer. Nothing when it is known already or not wanted.
  void add(const Contact& contact);
  void add(const Contact& contact, const NodeId& source);
  // Has answered before the lookup began.
  void add_answered(const Contact& contact);

  // Whom to ask now; it counts as asked from then on.
  std::optional<Contact> next();
  // At this address.
  void answered(const Contact& contact);
  void failed(const NodeId& id);
  void late(const NodeId& id);

  bool done() const;
  std::size_t in_flight() const { return asked_ + late_; }
  // Those that answered, nearest first, at most `count`.
  std::vector<Contact> result() const;
  // How many had to be asked one after the other to come to the nearest result: 1 for one of our own table. 0 when
  // there is none.
  unsigned hops() const;
  std::size_t size() const { return entries_.size(); }
  void check_invariants() const;

 private:
  enum class State : std::uint8_t { fresh, asked, late, answered, failed };
  struct Entry {
    Contact contact;
    State state = State::fresh;
    std::uint16_t hops = 1;
    std::uint64_t origin = 0;
    NodeId source;        // who named it; zero for our own table
    unsigned lies = 0;    // named by it and failed
    unsigned truths = 0;  // named by it and answered
    bool liar() const { return lies >= kLiesMax && lies > kLiesForTruth * truths; }
  };
  class Quorum;
  std::vector<Entry>::iterator place_of(const NodeId& id);
  Entry* find(const NodeId& id);
  void insert(Entry entry);
  void drop_farthest();
  void judge(const NodeId& source, bool truth);

  const Id target_;
  const std::size_t count_;
  std::vector<Entry> entries_;
  std::size_t asked_ = 0, late_ = 0;
};

}  // namespace vortex::dht

// How far one peer knows our list of changes, and what to tell it next. Pure.
//
// Every change of the directory has a position. A pulse carries changes behind the position that the peer was last
// told, and says up to where it has received ours. So each change goes over each link at most once in each direction,
// and not at all where it came from.
#pragma once

#include <cstdint>
#include <vector>

#include "dht/members/directory.h"

namespace vortex::dht {

// What one pulse may carry.
inline constexpr std::size_t kNewsBytesMax = 12 * 1024;

class Gossip {
 public:
  // Fills position, received and news of a pulse for the peer. True when there is more to tell.
  bool tell(const Directory& directory, const NodeId& self, net::Pulse& pulse);
  // What its pulse says; merges the news. The first error in it, if there is one; the rest is taken all the same.
  Status hear(Directory& directory, const net::Pulse& pulse);
  // A pulse of ours, or its answer, may have been lost: tell again what the peer has not confirmed, and let it do so.
  void rewind();
  // The peer knows the directory as it is now: tell it what changes from here on.
  void start_here(const Directory& directory);
  // The peer is in a new life, or we never met: it knows nothing of our positions, nor we of its.
  void forget();

  // Changes that it was not told yet.
  bool behind(const Directory& directory) const { return started_ && told_ != directory.position(); }
  // So far behind that some changes were forgotten: the directories must be compared.
  bool must_compare() const { return must_compare_; }
  void compared() { must_compare_ = false; }

 private:
  static constexpr std::size_t kPassedMax = 4096;
  void pass_over(const Directory& directory, const NodeId& id);
  void forget_passed();

  bool started_ = false;     // told_ means something
  bool introduced_ = false;  // it was told of ourselves
  bool met_ = false;         // and has confirmed something
  bool lost_ = false;
  bool must_compare_ = false;
  std::uint32_t told_ = 0, confirmed_ = 0;  // of our positions
  std::uint32_t received_ = 0;              // of its
  // Positions after told_ of changes that came from it, ascending.
  std::vector<std::uint32_t> passed_;
};

}  // namespace vortex::dht

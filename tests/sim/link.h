// One direction between two machines, and what travels on it.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/sim/waiters.h"

namespace vortex::sim {

class Fabric;
class Link;
class Machine;

// Something on its way over a link. When its time has come and the link is not open, or the machine at its end is
// without power, it is held until both are well again.
class Traveller : public Waiter {
 public:
  ~Traveller() override;
  void fire() final;
  bool held() const { return held_; }
  // On its way or held.
  bool travelling() const { return armed() || held_; }
  void go(Link& link, Duration at);
  // Gives up the journey.
  void stop();

 protected:
  virtual void arrive() = 0;
  virtual void detained() {}

 private:
  friend class Link;
  Link* link_ = nullptr;
  bool held_ = false;
  Duration held_since_{0};
};

class Link {
 public:
  Link(Fabric& fabric, Machine& from, Machine& to) : fabric_(fabric), from_(from), to_(to) {}

  Machine& from() const { return from_; }
  Machine& to() const { return to_; }
  bool open() const;

  // Cut: packets are lost, and sent again some time after it heals.
  void set_cut(bool cut);
  bool cut() const { return cut_; }
  // Clogged: packets wait, and arrive at the release.
  void set_clogged(bool clogged);
  bool clogged() const { return clogged_; }
  // 0 and 0 are the network's defaults.
  void set_speed(Duration extra_delay, std::uint64_t bytes_per_second);

  // When bytes that are sent now arrive.
  Duration arrival(std::size_t bytes);
  // Sends on what was held, where nothing holds it any more.
  void let_go();

 private:
  friend class Traveller;
  Fabric& fabric_;
  Machine& from_;
  Machine& to_;
  bool cut_ = false, clogged_ = false;
  Duration extra_delay_{0};
  std::uint64_t bytes_per_second_ = 0;
  Duration busy_until_{0};
  std::vector<Traveller*> held_;
};

}  // namespace vortex::sim

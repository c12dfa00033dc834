// The network of a world: which machines reach each other and how well, and what goes wrong between them.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/sim/dice.h"
#include "tests/sim/link.h"
#include "tests/sim/network_options.h"

namespace vortex::sim {

class Machine;
class SimListener;
class Stream;
class World;

class Fabric {
 public:
  explicit Fabric(World& world);
  ~Fabric();

  World& world() { return world_; }
  // May be changed while it runs.
  NetworkOptions& options() { return options_; }
  Dice& dice() { return dice_; }

  Link& link(Machine& from, Machine& to);
  // One direction. Packets are lost until it heals; connections survive cuts shorter than `give_up`.
  void cut(Machine& from, Machine& to) { link(from, to).set_cut(true); }
  void heal(Machine& from, Machine& to) { link(from, to).set_cut(false); }
  // Both directions between every machine of one group and every one of the other.
  void partition(const std::vector<Machine*>& one, const std::vector<Machine*>& other);
  // One direction. Packets queue up until it is released.
  void clog(Machine& from, Machine& to) { link(from, to).set_clogged(true); }
  void release(Machine& from, Machine& to) { link(from, to).set_clogged(false); }
  void slow(Machine& from, Machine& to, Duration extra_delay, std::uint64_t bytes_per_second);
  // Ends all cuts, clogs and slowness.
  void heal_all();

  // Both ends of the connections between the two see a reset, after any part of what was under way.
  std::size_t reset(Machine& one, Machine& other);
  // The connections between the two carry nothing from now on and say nothing of it (a forgotten NAT entry).
  std::size_t silence(Machine& one, Machine& other);

  // Ends of connections that a process holds or has yet to accept.
  std::size_t connections() const { return connections_; }
  std::size_t streams() const { return streams_.size(); }
  // Segments that have arrived, and their bytes.
  std::uint64_t segments() const { return segments_; }
  std::uint64_t bytes() const { return bytes_; }

  Machine* resolve(Machine& from, std::string_view host);
  SimListener* listener(const Machine& machine, std::uint16_t port) const;
  Stream& new_stream(Machine& from, Machine& to, std::uint16_t port);
  std::uint16_t take_port();

 private:
  friend class SimConnection;
  friend class SimListener;
  friend class Stream;
  friend class World;
  friend class Machine;
  std::vector<Stream*> between(const Machine& one, const Machine& other) const;
  void power_restored(Machine& machine);
  void retire(Stream& stream) { retired_.push_back(&stream); }
  // Frees the streams that both ends are done with.
  void sweep();

  World& world_;
  NetworkOptions options_;
  Dice dice_;
  std::unordered_map<std::uint64_t, Link*> by_machines_;
  std::list<Link> links_;  // in the order of their making
  std::map<std::pair<std::uint32_t, std::uint16_t>, SimListener*> listeners_;
  std::list<std::unique_ptr<Stream>> streams_;
  std::vector<Stream*> retired_;
  std::size_t connections_ = 0;
  std::uint64_t segments_ = 0, bytes_ = 0;
  std::uint16_t next_port_;
};

}  // namespace vortex::sim

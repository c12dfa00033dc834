#include "tests/sim/fabric.h"

#include <utility>

#include "tests/sim/connection.h"
#include "tests/sim/world.h"

namespace vortex::sim {

namespace {
constexpr std::uint16_t kFirstPort = 32768;
}

Fabric::Fabric(World& world)
    : world_(world), options_(world.options().network), dice_(world.dice("network")), next_port_(kFirstPort) {}

Fabric::~Fabric() = default;

Link& Fabric::link(Machine& from, Machine& to) {
  std::uint64_t key = std::uint64_t(from.number()) << 32 | to.number();
  Link*& link = by_machines_[key];
  if (!link) link = &links_.emplace_back(*this, from, to);
  return *link;
}

void Fabric::partition(const std::vector<Machine*>& one, const std::vector<Machine*>& other) {
  for (Machine* a : one) {
    for (Machine* b : other) {
      if (a == b) continue;
      cut(*a, *b);
      cut(*b, *a);
    }
  }
}

void Fabric::slow(Machine& from, Machine& to, Duration extra_delay, std::uint64_t bytes_per_second) {
  link(from, to).set_speed(extra_delay, bytes_per_second);
}

void Fabric::heal_all() {
  for (Link& link : links_) {
    link.set_speed(Duration(0), 0);
    link.set_clogged(false);
    link.set_cut(false);
  }
}

void Fabric::power_restored(Machine& machine) {
  for (Link& link : links_)
    if (&link.to() == &machine) link.let_go();
}

std::vector<Stream*> Fabric::between(const Machine& one, const Machine& other) const {
  std::vector<Stream*> found;
  for (const auto& stream : streams_) {
    const Machine* a = &stream->machine(Stream::Side::dialler);
    const Machine* b = &stream->machine(Stream::Side::listener);
    if ((a == &one && b == &other) || (a == &other && b == &one)) found.push_back(stream.get());
  }
  return found;
}

std::size_t Fabric::reset(Machine& one, Machine& other) {
  auto streams = between(one, other);
  for (Stream* stream : streams) stream->reset_both();
  return streams.size();
}

std::size_t Fabric::silence(Machine& one, Machine& other) {
  auto streams = between(one, other);
  for (Stream* stream : streams) stream->silence();
  return streams.size();
}

Machine* Fabric::resolve(Machine& from, std::string_view host) {
  if (host == "localhost" || host == "127.0.0.1") return &from;
  return world_.find_machine(host);
}

SimListener* Fabric::listener(const Machine& machine, std::uint16_t port) const {
  auto at = listeners_.find(std::pair(machine.number(), port));
  return at == listeners_.end() ? nullptr : at->second;
}

std::uint16_t Fabric::take_port() {
  std::uint16_t port = next_port_;
  next_port_ = port == 65535 ? kFirstPort : static_cast<std::uint16_t>(port + 1);
  return port;
}

Stream& Fabric::new_stream(Machine& from, Machine& to, std::uint16_t port) {
  streams_.push_back(std::make_unique<Stream>(*this, from, to, take_port(), port));
  streams_.back()->place_ = std::prev(streams_.end());
  return *streams_.back();
}

void Fabric::sweep() {
  for (Stream* stream : std::exchange(retired_, {})) streams_.erase(stream->place_);
}

}  // namespace vortex::sim

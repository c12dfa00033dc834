// A byte stream between two machines, as their systems keep it; processes hold its ends as SimConnections.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>

#include "base/bytes.h"
#include "base/network.h"
#include "tests/sim/link.h"
#include "tests/sim/ring.h"

namespace vortex::sim {

class Fabric;
class Machine;
class SimConnection;

class Stream {
 public:
  enum class Side : std::uint8_t { dialler = 0, listener = 1 };

  Stream(Fabric& fabric, Machine& from, Machine& to, std::uint16_t from_port, std::uint16_t to_port);
  ~Stream();

  // A process takes hold of an end. The dialler's doing so tells the other side.
  void attach(Side side, SimConnection& connection);
  // Nobody will attach to the listener's end.
  void refuse();

  // How many bytes more may be under way; 0 means wait.
  std::size_t room(Side side) const;
  void send(Side side, ByteView bytes);
  // How many bytes can be read now.
  std::size_t readable(Side side) const { return end(side).unread_bytes; }
  void read(Side side, MutableBytes into);
  bool finished(Side side) const { return end(side).finished; }
  bool broken(Side side) const { return end(side).broken; }

  // As a system does when the program closes (also for a process that was killed): what was sent still arrives, then
  // the end of the stream; a reset when something was left unread.
  void close(Side side);
  // The machine lost power: nothing more is heard of it.
  void vanish(Side side);
  void reset_both();
  void silence() { silent_ = true; }

  Machine& machine(Side side) const { return *end(side).machine; }
  Address local(Side side) const;

 private:
  friend class Fabric;
  struct Segment {
    enum class Kind : std::uint8_t { open, data, finish, reset };
    Kind kind = Kind::data;
    Duration sent{0}, arrives{0};
    ByteVector bytes;
  };
  // The first of an end's segments under way; the others follow it in order.
  struct Head final : Traveller {
    void arrive() override { stream->arrived(side); }
    void detained() override;
    Stream* stream = nullptr;
    Side side{};
  };
  // Tells the sender what was read, so that it may send more.
  struct Credit final : Traveller {
    void arrive() override;
    Stream* stream = nullptr;
    Side side{};  // the reader's
  };
  struct GiveUp final : Waiter {
    void fire() override { stream->give_up(side); }
    Stream* stream = nullptr;
    Side side{};
  };
  // Unborn: the listener's end before it was told. Gone: nobody holds it any more or ever will.
  enum class State : std::uint8_t { unborn, queued, attached, gone };
  struct End {
    State state = State::unborn;
    Machine* machine = nullptr;
    Link* out = nullptr;
    std::uint16_t port = 0;
    SimConnection* connection = nullptr;
    bool finished = false, broken = false;
    Ring<ByteVector> unread;
    std::size_t unread_offset = 0, unread_bytes = 0;
    std::size_t credit_due = 0;
    Ring<Segment> under_way;
    std::size_t window_used = 0;
    Duration last_arrival{0};
    Head head;
    Credit credit;
    GiveUp patience;
  };

  static Side other(Side side) { return side == Side::dialler ? Side::listener : Side::dialler; }
  End& end(Side side) { return ends_[static_cast<std::size_t>(side)]; }
  const End& end(Side side) const { return ends_[static_cast<std::size_t>(side)]; }
  void push(Side side, Segment::Kind kind, ByteView bytes);
  void depart(End& from);
  void arrived(Side side);
  void receive(Side side, Segment segment);
  void born(Side side);
  void fail(Side side);
  // A random part of what is under way is lost.
  void lose_tail(End& from);
  void give_up(Side side);
  void leave(Side side);

  Fabric& fabric_;
  std::array<End, 2> ends_;
  bool silent_ = false;
  bool retired_ = false;
  std::list<std::unique_ptr<Stream>>::iterator place_;
};

}  // namespace vortex::sim

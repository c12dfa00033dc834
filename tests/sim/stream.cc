#include "tests/sim/stream.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "tests/sim/connection.h"
#include "tests/sim/fabric.h"
#include "tests/sim/process.h"
#include "tests/sim/world.h"

namespace vortex::sim {

namespace {
constexpr std::size_t kSegmentMax = 64 * 1024;
// Small pieces written at the same moment travel together up to this size.
constexpr std::size_t kTogetherMax = 16 * 1024;
}  // namespace

Stream::Stream(Fabric& fabric, Machine& from, Machine& to, std::uint16_t from_port, std::uint16_t to_port)
    : fabric_(fabric) {
  for (Side side : {Side::dialler, Side::listener}) {
    End& it = end(side);
    it.machine = side == Side::dialler ? &from : &to;
    it.port = side == Side::dialler ? from_port : to_port;
    it.head.stream = it.credit.stream = it.patience.stream = this;
    it.head.side = it.credit.side = it.patience.side = side;
  }
  end(Side::dialler).out = &fabric.link(from, to);
  end(Side::listener).out = &fabric.link(to, from);
}

Stream::~Stream() = default;

Address Stream::local(Side side) const { return end(side).machine->address(end(side).port); }

void Stream::attach(Side side, SimConnection& connection) {
  End& it = end(side);
  it.connection = &connection;
  if (side == Side::dialler) {
    ++fabric_.connections_;
    push(side, Segment::Kind::open, ByteView());
  }
  it.state = State::attached;
}

std::size_t Stream::room(Side side) const {
  std::size_t window = fabric_.options().window;
  return window - std::min(window, end(side).window_used);
}

void Stream::send(Side side, ByteView bytes) {
  const NetworkOptions& options = fabric_.options();
  end(side).window_used += bytes.size();
  while (!bytes.empty()) {
    std::size_t size = std::min(bytes.size(), kSegmentMax);
    if (options.resets > 0 && fabric_.dice().chance(options.resets)) {
      push(side, Segment::Kind::data, bytes.first(fabric_.dice().below(size)));
      push(side, Segment::Kind::reset, ByteView());
      push(other(side), Segment::Kind::reset, ByteView());
      return;
    }
    push(side, Segment::Kind::data, bytes.first(size));
    bytes = bytes.subspan(size);
  }
}

void Stream::push(Side side, Segment::Kind kind, ByteView bytes) {
  End& from = end(side);
  Duration now = fabric_.world().now();
  if (!from.under_way.empty() && from.under_way.back().kind == Segment::Kind::reset) return;
  if (kind == Segment::Kind::data && !from.under_way.empty()) {
    Segment& last = from.under_way.back();
    if (last.kind == kind && last.sent == now && last.bytes.size() + bytes.size() <= kTogetherMax) {
      last.bytes.insert(last.bytes.end(), bytes.begin(), bytes.end());
      return;
    }
  }
  Segment segment;
  segment.kind = kind;
  segment.sent = now;
  segment.bytes.assign(bytes.begin(), bytes.end());
  from.last_arrival = std::max(from.last_arrival, from.out->arrival(bytes.size()));
  segment.arrives = from.last_arrival;
  from.under_way.push_back(std::move(segment));
  depart(from);
}

void Stream::depart(End& from) {
  if (from.under_way.empty() || from.head.travelling()) return;
  from.head.go(*from.out, std::max(fabric_.world().now(), from.under_way.front().arrives));
}

void Stream::Head::detained() {
  Fabric& fabric = stream->fabric_;
  if (!stream->end(side).patience.armed())
    fabric.world().waiters().arm(stream->end(side).patience, fabric.world().now() + fabric.options().give_up);
}

void Stream::arrived(Side side) {
  End& from = end(side);
  fabric_.world().waiters().disarm(from.patience);
  Segment segment = from.under_way.pop_front();
  depart(from);
  if (!silent_) receive(other(side), std::move(segment));
  if (from.state == State::gone) leave(side);
}

void Stream::receive(Side side, Segment segment) {
  End& to = end(side);
  World& world = fabric_.world();
  std::size_t size = segment.bytes.size();
  ++fabric_.segments_;
  fabric_.bytes_ += size;
  std::uint64_t content = fabric_.options().trace_content ? xxh3(segment.bytes) : to.port;
  world.note(Happening::arrived, to.machine, std::uint64_t(end(other(side)).machine->number()) << 32 | size,
             content << 2 | static_cast<std::uint64_t>(segment.kind));
  if (segment.kind == Segment::Kind::reset) {
    fail(side);
    return;
  }
  if (segment.kind == Segment::Kind::open) {
    born(side);
    return;
  }
  if (to.state == State::gone) {
    // Nobody is there: a real system answers with a reset, once.
    if (segment.kind == Segment::Kind::data && !end(other(side)).broken) {
      to.under_way.clear();
      to.head.stop();
      push(side, Segment::Kind::reset, ByteView());
    }
    return;
  }
  if (to.broken) return;
  if (segment.kind == Segment::Kind::finish) {
    to.finished = true;
  } else {
    to.unread_bytes += size;
    to.unread.push_back(std::move(segment.bytes));
  }
  if (to.connection) to.connection->wake_reader();
}

void Stream::born(Side side) {
  End& to = end(side);
  SimListener* listener = fabric_.listener(*to.machine, to.port);
  if (to.state == State::gone || !listener || !listener->offer(*this)) {
    to.state = State::gone;
    push(side, Segment::Kind::reset, ByteView());
    return;
  }
  to.state = State::queued;
  ++fabric_.connections_;
}

void Stream::refuse() {
  End& to = end(Side::listener);
  CHECK(to.state == State::queued);
  to.state = State::gone;
  --fabric_.connections_;
  push(Side::listener, Segment::Kind::reset, ByteView());
}

void Stream::fail(Side side) {
  End& it = end(side);
  if (it.broken) return;
  fabric_.world().note(Happening::reset, it.machine, it.port);
  it.broken = true;
  // Nothing more is sent, except the reset of the other end where both were told to break.
  bool resets = !it.under_way.empty() && it.under_way.back().kind == Segment::Kind::reset;
  if (resets) {
    while (it.under_way.size() > 1) it.under_way.pop_front();
  } else {
    it.under_way.clear();
    it.head.stop();
  }
  fabric_.world().waiters().disarm(it.patience);
  // Some systems give what had arrived before the reset, some don't.
  if (fabric_.dice().one_in(2)) {
    it.unread.clear();
    it.unread_bytes = it.unread_offset = 0;
  }
  if (it.connection) {
    it.connection->wake_reader();
    it.connection->wake_writer();
  }
  if (it.state == State::gone) leave(side);
}

void Stream::read(Side side, MutableBytes into) {
  End& it = end(side);
  CHECK(into.size() <= it.unread_bytes);
  it.unread_bytes -= into.size();
  it.credit_due += into.size();
  while (!into.empty()) {
    ByteVector& front = it.unread.front();
    std::size_t size = std::min(into.size(), front.size() - it.unread_offset);
    std::copy_n(front.begin() + static_cast<std::ptrdiff_t>(it.unread_offset), size, into.begin());
    into = into.subspan(size);
    it.unread_offset += size;
    if (it.unread_offset == front.size()) {
      it.unread.pop_front();
      it.unread_offset = 0;
    }
  }
  if (it.credit_due >= fabric_.options().window / 2 && !it.credit.travelling())
    it.credit.go(*it.out, it.out->arrival(0));
}

void Stream::Credit::arrive() {
  End& reader = stream->end(side);
  End& writer = stream->end(other(side));
  if (stream->silent_) return;
  writer.window_used -= std::exchange(reader.credit_due, std::size_t(0));
  if (writer.connection) writer.connection->wake_writer();
}

void Stream::close(Side side) {
  End& it = end(side);
  if (!it.broken) {
    bool unread = it.unread_bytes > 0;
    if (unread) lose_tail(it);
    push(side, unread ? Segment::Kind::reset : Segment::Kind::finish, ByteView());
  }
  it.connection = nullptr;
  it.state = State::gone;
  --fabric_.connections_;
  leave(side);
}

void Stream::vanish(Side side) {
  End& it = end(side);
  lose_tail(it);
  it.connection = nullptr;
  if (it.state == State::attached || it.state == State::queued) --fabric_.connections_;
  it.state = State::gone;
  leave(side);
}

void Stream::lose_tail(End& from) {
  std::size_t keep = fabric_.dice().below(from.under_way.size() + 1);
  while (from.under_way.size() > keep) from.under_way.pop_back();
  if (keep == 0) {
    from.head.stop();
    return;
  }
  Segment& last = from.under_way.back();
  if (!last.bytes.empty()) last.bytes.resize(fabric_.dice().below(last.bytes.size() + 1));
}

void Stream::reset_both() {
  for (Side side : {Side::dialler, Side::listener}) {
    lose_tail(end(side));
    push(side, Segment::Kind::reset, ByteView());
  }
}

void Stream::give_up(Side side) {
  end(side).under_way.clear();
  end(side).head.stop();
  fail(side);
}

void Stream::leave(Side side) {
  // The stream is needed as long as one end is held or something is under way to it.
  for (const End& it : ends_)
    if (it.state == State::attached || it.state == State::queued) return;
  if (end(side).under_way.empty() && end(other(side)).under_way.empty() && !retired_) {
    retired_ = true;
    fabric_.retire(*this);
  }
}

}  // namespace vortex::sim

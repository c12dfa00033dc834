#include "net/channel.h"

#include "base/log.h"

namespace vortex::net {

namespace {
// Handshakes that negotiate nothing speak the version of this program.
std::uint8_t version_of(const PeerInfo& peer) {
  return peer.version == 0 ? kVersion : static_cast<std::uint8_t>(peer.version);
}
}  // namespace

Channel::Channel(Switchboard& switchboard, Secured secured)
    : switchboard_(switchboard),
      env_(switchboard.env),
      peer_(std::move(secured.peer)),
      party_(party_of(peer_.role)),
      version_(version_of(peer_)),
      connection_(std::move(secured.connection)),
      closed_(env_.loop()),
      ended_(env_.loop()),
      parser_(*this, version_),
      resume_reading_(env_.loop()),
      outbox_(version_),
      writer_(env_.loop()),
      room_(env_),
      room_left_(env_.loop()),
      handlers_(env_.loop()),
      transport_(env_.loop()) {
  last_received_ = last_used_ = batch_at_ = env_.now();
}

Channel::~Channel() {
  CHECK(timer_ == kNoTimer && waiting_calls_ == 0);
  CHECK(calls_ == 0 && requests_ == 0 && answer_bytes_ == 0);
}

Task<void> Channel::run() {
  switchboard_.metrics.channels.add(1);
  transport_.spawn(read_loop());
  transport_.spawn(write_loop());
  arm(last_received_ + kPingAfter);
  if (open()) {
    switchboard_.tell_proven(peer_);
    bool woken = co_await ended_.park();
    if (!woken) close(Error(Code::closed, "shutting down"));
  }
  co_await handlers_.join();
  co_await transport_.join();
  while (waiting_calls_ > 0) co_await room_left_.park_uncancellable();
  release(admitted_);
  admitted_ = 0;
  env_.clock().cancel(timer_);
  timer_ = kNoTimer;
  switchboard_.metrics.channels.add(-1);
}

Task<void> Channel::wait_closed() {
  if (open()) co_await closed_.park();
}

void Channel::close(Error reason) {
  if (!open()) return;
  closed_because_.emplace(std::move(reason));
  env_.log().debug("net", "connection ends", Field("peer", peer_.address.to_string()), Field("id", peer_.id),
                   Field("reason", *closed_because_));
  fail_calls();
  handlers_.cancel();
  room_.notify_all();
  resume_reading_.wake();
  if (tell_peer_) {
    say_goodbye();
    linger_until_ = env_.now() + kLinger;
    arm(linger_until_);
  } else {
    connection_->close();
  }
  writer_.wake();
  closed_.wake();
  ended_.wake();
}

}  // namespace vortex::net

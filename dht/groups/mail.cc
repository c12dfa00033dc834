#include "dht/groups/mail.h"

#include <utility>

#include "base/endian.h"
#include "dht/groups/limits.h"
#include "net/messages/raft.h"

namespace vortex::dht::groups {

namespace {
constexpr std::size_t kMessageHead = 192;  // about what a message takes without its entries
constexpr std::size_t kEntryHead = 32;
}  // namespace

Mail::Mail(Env& env, net::Peers& peers, AddressOf address_of, OnAnswer on_answer)
    : env_(env),
      peers_(peers),
      address_of_(std::move(address_of)),
      on_answer_(std::move(on_answer)),
      sent_(env.metrics().counter("raft_messages_sent_total", "messages of groups to other nodes")),
      frames_(env.metrics().counter("raft_frames_sent_total", "frames that carried messages of groups")),
      lost_(env.metrics().counter("raft_frames_lost_total", "frames with messages of groups that got no answer")),
      dropped_(
          env.metrics().counter("raft_messages_dropped_total", "messages of groups for which a queue had no room")),
      tasks_(env.loop()) {}

std::size_t Mail::cost(const raft::Message& message) {
  std::size_t bytes = kMessageHead;
  for (const raft::Entry& entry : message.entries) bytes += kEntryHead + entry.data.size();
  return bytes;
}

void Mail::post(raft::Message message) {
  NodeId node = message.to.node;
  Box& box = boxes_[node];
  // Appends with entries keep their order among themselves; all else is small and may overtake them.
  Queue& queue = box.lanes[message.entries.empty() ? urgent : bulky];
  queue.bytes += cost(message);
  queue.messages.push_back(std::move(message));
  while (queue.bytes > kMailQueueBytes && queue.messages.size() > 1) drop_oldest(queue);
  if (!std::exchange(box.listed, true)) ready_.push_back(node);
}

void Mail::drop_oldest(Queue& queue) {
  queue.bytes -= cost(queue.messages.front());
  queue.messages.pop_front();
  dropped_.add();
}

void Mail::flush() {
  for (const NodeId& node : std::exchange(ready_, {})) {
    Box& box = boxes_[node];
    box.listed = false;
    for (Lane lane : {urgent, bulky}) {
      Queue& queue = box.lanes[lane];
      if (queue.messages.empty() || queue.calls >= kMailCallsMax) continue;
      ++queue.calls;
      tasks_.spawn(carry(node, box, lane));
    }
  }
}

Result<net::Target> Mail::target(const NodeId& node) const {
  std::optional<Address> address = address_of_(node);
  if (!address) return Error(Code::unreachable, "nobody knows where " + node.short_hex() + " is");
  return net::Target(node, *address);
}

Buffer Mail::pack(Queue& queue, std::size_t bytes_max, net::CarryRaftRequest& request) {
  ByteVector bytes;
  Encoder encoder(bytes);
  std::size_t taken = 0;
  while (!queue.messages.empty()) {
    std::size_t next = cost(queue.messages.front());
    if (request.messages != 0 && taken + next > bytes_max) break;
    taken += next;
    queue.bytes -= next;
    std::size_t at = bytes.size();
    encoder.put(std::uint32_t(0));
    encoder.put(queue.messages.front());
    store_le(bytes.data() + at, static_cast<std::uint32_t>(bytes.size() - at - 4));
    queue.messages.pop_front();
    ++request.messages;
  }
  sent_.add(request.messages);
  return Buffer::copy_of(bytes);
}

template <class Method>
Task<Result<net::Reply<Method>>> Mail::call(net::Target to, Queue& queue, std::size_t bytes_max, Duration patience) {
  net::CarryRaftRequest request;
  net::CallOptions options(patience, pack(queue, bytes_max, request));
  frames_.add();
  co_return co_await peers_.call<Method>(std::move(to), std::move(request), std::move(options));
}

Task<void> Mail::carry(NodeId node, Box& box, Lane lane) {
  Queue& queue = box.lanes[lane];
  while (!queue.messages.empty()) {
    auto to = target(node);
    if (!to.ok()) {
      while (!queue.messages.empty()) drop_oldest(queue);
      break;
    }
    Status outcome;
    if (lane == urgent) {
      auto reply = co_await call<net::CarryRaftUrgent>(*to, queue, kUrgentBytes, kUrgentPatience);
      if (reply.ok()) on_answer_(node, reply->response);
      if (!reply.ok()) outcome = reply.error();
    } else {
      auto reply = co_await call<net::CarryRaft>(*to, queue, kMailBytes, kMailPatience);
      if (reply.ok()) on_answer_(node, reply->response);
      if (!reply.ok()) outcome = reply.error();
    }
    if (outcome.is(Code::cancelled)) break;
    if (!outcome.ok()) lost_.add();
    // What is urgent does not take so long where anything arrives at all.
    if (lane == urgent && outcome.is(Code::timed_out)) peers_.renew(node, net::Purpose::control, outcome.error());
  }
  --queue.calls;
}

Status unpack_mail(ByteView payload, std::uint32_t count, const std::function<void(const raft::Message&)>& to) {
  Decoder decoder(payload);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t length = 0;
    decoder.get(length);
    ByteView bytes = decoder.take(length);
    if (!decoder.ok()) return Error(Code::bad_message, "messages of groups cut short");
    ASSIGN_OR_RETURN(raft::Message message, decode<raft::Message>(bytes));
    to(message);
  }
  if (!decoder.finished()) return Error(Code::bad_message, "bytes behind the last message");
  return Status();
}

}  // namespace vortex::dht::groups

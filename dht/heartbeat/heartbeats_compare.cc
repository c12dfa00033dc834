// Anti-entropy: directories whose digests differ although nothing changes are compared, bucket by bucket.
#include <algorithm>
#include <unordered_map>

#include "base/log.h"
#include "dht/heartbeat/heartbeats.h"
#include "dht/heartbeat/link.h"
#include "net/channel.h"

namespace vortex::dht {

namespace {
constexpr std::size_t kPageBytes = 64 * kKiB;
constexpr std::size_t kPageMembers = kPageBytes / 128;
static_assert(kPageBytes + Directory::kBuckets * 4 + 64 < kFrameBodyMax);
// As long as gossip is under way directories differ; what stays is a gap.
constexpr Duration kQuietFor = seconds(2);
constexpr Duration kDiffersLong = seconds(30);
constexpr Duration kComparisonPause = seconds(5);
constexpr Duration kCompareWithin = seconds(10);

std::size_t page_bytes(const Member& member) { return 96 + member.address.host.size() + member.zone.size(); }
}  // namespace

void Heartbeats::notice_difference(Link& link, const net::Pulse& pulse, Instant now) {
  if (pulse.digest == directory_.digest() && !link.gossip.must_compare()) {
    link.differs_since = Instant();
    return;
  }
  if (link.differs_since == Instant()) link.differs_since = now;
  bool quiet = now > last_change_ + kQuietFor && now > link.differs_since + kQuietFor;
  bool long_enough = now > link.differs_since + kDiffersLong;
  if (comparing_ || now < next_comparison_ || (!quiet && !long_enough && !link.gossip.must_compare())) return;
  comparing_ = true;
  link.gossip.compared();
  tasks_.spawn(compare_later(link.id));
}

Task<void> Heartbeats::compare_later(NodeId id) {
  auto member = directory_.find(id);
  Status compared;
  if (member) {
    net::Target target(id, member->address);
    compared = co_await compare_with(std::move(target), kCompareWithin);
  }
  comparing_ = false;
  auto jitter = Duration(env_.random().below(static_cast<std::uint64_t>(kComparisonPause.count())));
  next_comparison_ = env_.now() + kComparisonPause + jitter;
  auto found = links_.find(id);
  if (found != links_.end()) found->second->differs_since = Instant();
  if (!compared.ok())
    env_.log().debug("members", "a comparison failed", Field("with", id), Field("error", compared.error()));
}

Task<Status> Heartbeats::compare_with(net::Target peer, Duration timeout) {
  comparisons_.add();
  Instant deadline = env_.now() + timeout;
  std::vector<Member> news;
  std::size_t first = 0;
  while (first < Directory::kBuckets || !news.empty()) {
    net::CompareMembersRequest request;
    const Directory::Digests& digests = directory_.bucket_digests();
    request.buckets.assign(digests.begin(), digests.end());
    request.first = static_cast<std::uint16_t>(first);
    std::size_t count = std::min(news.size(), kPageMembers);
    request.news.assign(news.begin(), news.begin() + static_cast<std::ptrdiff_t>(count));
    news.erase(news.begin(), news.begin() + static_cast<std::ptrdiff_t>(count));
    net::CallOptions options(deadline - env_.now());
    auto reply = co_await peers_.call<net::CompareMembers>(peer, std::move(request), std::move(options));
    if (!reply.ok()) co_return std::move(reply).error();
    reached_somebody(env_.now());
    net::CompareMembersResponse& answer = reply->response;
    bool senseless = answer.buckets.size() != Directory::kBuckets || answer.next > Directory::kBuckets ||
                     (first < Directory::kBuckets && answer.next <= first);
    senseless = senseless || answer.id == options_.self;
    if (senseless) co_return Error(Code::bad_message, "a comparison that leads nowhere");
    if (first < Directory::kBuckets) add_missing(answer, first, news);
    believe_ourselves(answer.members);
    for (const Member& member : answer.members) {
      auto merged = directory_.merge(member);
      if (!merged.ok()) co_return std::move(merged).error();
    }
    if (refute_) refute();
    first = std::max<std::size_t>(first, answer.next);
    if (!stopped_ && options_.topology == Topology::ring && randoms_.insert(answer.id).second) choose_again_ = true;
    if (env_.now() >= deadline) co_return Code::timed_out;
  }
  co_return Status();
}

// What we know and the other one, by its answer, does not.
void Heartbeats::add_missing(const net::CompareMembersResponse& answer, std::size_t first, std::vector<Member>& news) {
  std::unordered_map<NodeId, const Member*> theirs;
  for (const Member& member : answer.members) theirs.emplace(member.id, &member);
  const Directory::Digests& ours = directory_.bucket_digests();
  for (std::size_t place = 0; place < directory_.size(); ++place) {
    std::size_t bucket = Directory::bucket_of(directory_.id_at(place));
    if (bucket < first || bucket >= answer.next || ours[bucket] == answer.buckets[bucket]) continue;
    Member member = directory_.at(place);
    auto found = theirs.find(member.id);
    if (found == theirs.end() || *found->second != member) news.push_back(std::move(member));
  }
}

Result<net::CompareMembersResponse> Heartbeats::serve_comparison(net::Context& context,
                                                                 net::CompareMembersRequest& request) {
  if (request.buckets.size() != Directory::kBuckets || request.first > Directory::kBuckets)
    return Error(Code::bad_message, "a comparison of another kind");
  believe_ourselves(request.news);
  for (const Member& member : request.news) {
    auto merged = directory_.merge(member);
    if (!merged.ok()) return std::move(merged).error();
  }
  if (refute_) refute();
  const Directory::Digests& ours = directory_.bucket_digests();
  // By bucket, so that a page ends with a whole one.
  std::vector<std::vector<std::uint32_t>> places(Directory::kBuckets);
  for (std::size_t place = 0; place < directory_.size(); ++place) {
    std::size_t bucket = Directory::bucket_of(directory_.id_at(place));
    if (bucket >= request.first && ours[bucket] != request.buckets[bucket])
      places[bucket].push_back(static_cast<std::uint32_t>(place));
  }
  // From here on the asker is told what changes, if it asks by heartbeats.
  if (!stopped_ && request.first == 0 && (links_.contains(context.peer->id) || links_.size() < kHeartbeatLinksMax)) {
    Link& link = link_to(context.peer->id);
    link.gossip.start_here(directory_);
    link.last_exchange = env_.now();
  }
  net::CompareMembersResponse response;
  response.id = options_.self;
  std::size_t bytes = 0, bucket = request.first;
  for (; bucket < Directory::kBuckets; ++bucket) {
    std::vector<Member> members;
    for (std::uint32_t place : places[bucket]) {
      members.push_back(directory_.at(place));
      bytes += page_bytes(members.back());
    }
    if (bytes > kPageBytes && bucket > request.first) break;
    std::move(members.begin(), members.end(), std::back_inserter(response.members));
  }
  response.next = static_cast<std::uint16_t>(bucket);
  response.buckets.assign(ours.begin(), ours.end());
  return response;
}

}  // namespace vortex::dht

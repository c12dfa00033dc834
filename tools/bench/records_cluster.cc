#include "tools/bench/records_cluster.h"

#include <algorithm>

#include "net/basic_service.h"
#include "tools/bench/bench.h"

namespace vortex::bench {

namespace {

constexpr Duration kPatience = seconds(20);
constexpr Duration kLookAgain = milliseconds(5);

RealOptions quiet_node() {
  RealOptions options;
  options.log_level = LogLevel::error;
  return options;
}

// Each number has its own bytes.
class NumberedRandom final : public Random {
 public:
  explicit NumberedRandom(std::uint64_t number) : state_(number) {}
  std::uint64_t next() override { return state_ = state_ * 6364136223846793005u + 1442695040888963407u; }
  void fill(MutableBytes out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(next() >> 56);
  }

 private:
  std::uint64_t state_;
};

constexpr std::uint64_t kUserNumber = 1000;
constexpr std::size_t kReplicas = 3;

ClusterId bench_cluster() {
  ClusterId id;
  id.bytes[0] = 2;
  return id;
}

}  // namespace

// --- an end ---

RecordsEnd::RecordsEnd(std::uint64_t number, std::uint64_t boot_epoch)
    : runner_(quiet_node()),
      credentials_(bench_cluster(), *net::Secret::from_bytes(ByteVector(net::Secret::kSize, 9))),
      handshaker_(env().random(), local_end(number, boot_epoch), credentials_, net::Presented()),
      board_(env(), dispatcher_),
      peers_(board_, handshaker_) {
  net::serve_basics(dispatcher_);
}

net::LocalEnd RecordsEnd::local_end(std::uint64_t number, std::uint64_t boot_epoch) {
  NumberedRandom random(number);
  net::LocalEnd local;
  local.identity = net::Identity::generate(random);
  local.transport = net::Transport::plain;
  local.boot_epoch = boot_epoch;
  id_ = local.identity->id();
  return local;
}

// --- a node ---

RecordsNode::RecordsNode(std::uint64_t number, std::uint64_t boot_epoch, std::string directory,
                         std::uint32_t partitions)
    : RecordsEnd(number, boot_epoch),
      boot_epoch_(boot_epoch),
      directory_path_(std::move(directory)),
      partitions_(partitions),
      machines_(env()),
      table_(partitions),
      turn_(env().loop()) {}

RecordsNode::~RecordsNode() { leave(); }

Result<net::Target> RecordsNode::listen() {
  thread_ = std::thread([this] { runner_.run_without_signals(live()); });
  return listening_.get_future().get();
}

Result<double> RecordsNode::join(Places everybody, bool founder) {
  asio::post(env().loop().context(), [this, everybody = std::move(everybody), founder]() mutable {
    everybody_ = std::move(everybody);
    founder_ = founder;
    joined_ = true;
    turn_.wake();
  });
  return ready_.get_future().get();
}

void RecordsNode::leave() {
  if (!thread_.joinable()) return;
  asio::post(env().loop().context(), [this] {
    leaving_ = true;
    turn_.wake();
  });
  thread_.join();
}

Task<int> RecordsNode::live() {
  server_ = std::make_unique<net::Server>(board_, handshaker_);
  Address at;
  at.host = "127.0.0.1";
  // Handlers are registered before anybody can call.
  heartbeats_ = std::make_unique<dht::Heartbeats>(env(), peers_, dispatcher_, directory_, beats_of(id()));
  Stopwatch watch;
  Status opened = co_await open();
  opening_ = watch.seconds();
  if (opened.ok()) opened = server_->listen(at);
  if (!opened.ok()) {
    listening_.set_value(opened.error());
  } else {
    listening_.set_value(net::Target(id(), server_->local()));
  }
  while (!joined_ && !leaving_) co_await turn_.park();
  if (joined_ && opened.ok()) {
    fill_directory();
    heartbeats_->set_passengers(host_.get());
    host_->start(nullptr);
    heartbeats_->start();
    Status founded;
    if (founder_) founded = co_await found();
    Result<double> answer = opening_;
    if (!founded.ok()) answer = founded.error();
    ready_.set_value(std::move(answer));
    while (!leaving_) co_await turn_.park();
  }
  co_await close();
  co_return 0;
}

Task<void> RecordsNode::close() {
  co_await server_->stop();
  heartbeats_->set_passengers(nullptr);
  co_await heartbeats_->stop();
  co_await peers_.stop();
  if (host_) co_await host_->stop();
}

dht::AddressOf RecordsNode::addresses() const {
  return [this](const NodeId& node) -> std::optional<Address> {
    for (const net::Target& one : everybody_)
      if (one.id == node) return one.address;
    return std::nullopt;
  };
}

dht::HeartbeatOptions RecordsNode::beats_of(const NodeId& id) {
  dht::HeartbeatOptions options;
  options.self = id;
  return options;
}

void RecordsNode::fill_directory() {
  std::vector<NodeId> partners;
  for (const net::Target& one : everybody_) {
    dht::Member member;
    member.id = one.id;
    member.address = one.address;
    member.boot_epoch = boot_epoch_;
    member.decided = 1;
    member.standing = dht::Standing::active;
    member.capacity = kGiB;
    CHECK(directory_.merge(member).ok());
    if (one.id != id()) partners.push_back(one.id);
  }
  heartbeats_->set_partners(std::move(partners));
}

Task<Status> RecordsNode::open() {
  dht::groups::HostOptions options;
  options.self = id();
  options.boot_epoch = boot_epoch_;
  options.directory = directory_path_;
  dht::AddressOf address_of = addresses();
  CO_RETURN_IF_ERROR(co_await env().disk().make_directories(directory_path_));
  CO_ASSIGN_OR_RETURN(host_, co_await dht::groups::Host::open(env(), options, machines_, heartbeats_->for_groups(),
                                                              dispatcher_, peers_, address_of));
  records_ = std::make_unique<dht::RecordsServer>(env(), *host_, machines_, table_, address_of);
  records_->serve_records(dispatcher_);
  co_return Status();
}

Task<Status> RecordsNode::found() {
  std::vector<dht::groups::GroupId> missing;
  for (std::uint32_t partition = 0; partition < partitions_; ++partition)
    if (!host_->view(partition)) missing.push_back(partition);
  if (!missing.empty()) CO_RETURN_IF_ERROR(co_await host_->create(std::move(missing)));
  const Instant deadline = env().now() + kPatience;
  for (std::uint32_t partition = 0; partition < partitions_; ++partition) {
    Status grown = co_await grow(partition);
    while (!grown.ok() && env().now() < deadline) {
      CO_RETURN_IF_ERROR(co_await sleep_for(env(), kLookAgain));
      grown = co_await grow(partition);
    }
    CO_RETURN_IF_ERROR(std::move(grown));
  }
  co_return Status();
}

// The founder, and two others in turn.
Places RecordsNode::members_of(std::uint32_t partition) const {
  Places members(1, everybody_.front());
  const std::size_t others = everybody_.size() - 1;
  for (std::size_t i = 0; i < std::min(others, kReplicas - 1); ++i)
    members.push_back(everybody_[1 + (partition + i) % others]);
  return members;
}

Task<Status> RecordsNode::grow(std::uint32_t partition) {
  auto view = host_->view(partition);
  if (!view || view->role != dht::raft::Role::leader) co_return Code::not_leader;
  const Instant deadline = env().now() + kPatience;
  const Places wanted = members_of(partition);
  for (const net::Target& one : wanted) {
    bool member = false;
    for (const dht::raft::Replica& replica : view->configuration.members()) member |= replica.node == one.id;
    if (!member) CO_RETURN_IF_ERROR(co_await host_->add_learner(partition, one.id, deadline));
  }
  view = host_->view(partition);
  dht::raft::Configuration target;
  target.voters = view->configuration.members();
  if (target.voters.size() < wanted.size()) co_return Code::busy;
  if (view->configuration.voters.size() == target.voters.size()) co_return Status();
  co_return co_await host_->change(partition, target, deadline);
}

// --- a client ---

RecordsUser::RecordsUser(Places everybody)
    : RecordsEnd(kUserNumber),
      port_(
          env(), peers_, table_, [](const NodeId&) { return std::optional<Address>(); },
          [everybody] { return everybody; }),
      client_(env(), port_) {}

Task<int> RecordsUser::body(const Work& work, Result<double>& result) {
  result = co_await work(env(), client_);
  co_await client_.stop();
  co_await peers_.stop();
  co_return 0;
}

Result<double> RecordsUser::run(const Work& work) {
  Result<double> result = Code::failed;
  runner_.run_without_signals(body(work, result));
  return result;
}

// --- all of them ---

Result<std::unique_ptr<RecordsCluster>> RecordsCluster::start(const RecordsClusterOptions& options, double* opening) {
  auto cluster = std::make_unique<RecordsCluster>();
  for (std::size_t number = 1; number <= options.nodes; ++number) {
    std::string directory = options.directory + "/node-" + std::to_string(number);
    cluster->nodes_.push_back(std::make_unique<RecordsNode>(number, options.boot_epoch, directory, options.partitions));
    ASSIGN_OR_RETURN(net::Target place, cluster->nodes_.back()->listen());
    cluster->places_.push_back(std::move(place));
  }
  for (std::size_t i = options.nodes; i-- > 0;) {
    ASSIGN_OR_RETURN(double took, cluster->nodes_[i]->join(cluster->places_, i == 0));
    if (opening != nullptr) *opening = std::max(*opening, took);
  }
  return cluster;
}

}  // namespace vortex::bench

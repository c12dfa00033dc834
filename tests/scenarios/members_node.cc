#include "tests/scenarios/members_node.h"

#include "base/metrics.h"
#include "tests/sim/process.h"

namespace vortex::sim {

MemberNode::MemberNode(Env& env, MembersPlan& plan, std::size_t number, std::uint16_t port, std::string zone)
    : env_(env),
      plan_(plan),
      number_(number),
      port_(port),
      zone_(std::move(zone)),
      records_(env, plan.records),
      book_(env, records_),
      decisions_(env, records_),
      ending_(env.loop()) {}

Task<void> MemberNode::run() {
  Status ended = co_await live();
  if (!ended.ok() && !ended.is(Code::cancelled)) failure_ = ended.error().to_string();
  if (ended.ok()) co_await ending_.park();
  in_ = false;
  if (membership_) co_await membership_->stop();
}

Task<void> MemberNode::stop() {
  ending_.wake();
  co_return;
}

Task<Status> MemberNode::live() {
  dht::MembershipOptions options;
  options.directory = "data";
  options.listen = static_cast<Process&>(env_).machine().address(port_);
  options.transport = plan_.transport;
  options.zone = zone_;
  options.capacity = std::uint64_t(1) << 40;
  options.seeds = plan_.seeds;
  options.evict_after = plan_.evict_after;
  if (auto elsewhere = plan_.advertised.find(number_); elsewhere != plan_.advertised.end())
    options.advertise = elsewhere->second;
  CO_ASSIGN_OR_RETURN(membership_, co_await dht::Membership::open(env_, dispatcher_, std::move(options)));
  membership_->use(book_, decisions_);
  auto duty = [this] { return plan_.follower == number_ ? dht::Duty::renew : dht::Duty::none; };
  membership_->set_duty(duty);
  CO_RETURN_IF_ERROR(co_await come_in());
  in_ = true;
  co_return Status();
}

Task<Status> MemberNode::come_in() {
  if (membership_->belongs_somewhere()) co_return co_await membership_->resume();
  if (number_ == 0) {
    net::ClusterSettings settings;
    settings.topology = plan_.topology;
    settings.heartbeat_ms = static_cast<std::uint32_t>(to_ms(plan_.heartbeat));
    CO_RETURN_IF_ERROR(co_await membership_->create(settings));
    CO_RETURN_IF_ERROR(co_await membership_->found(seconds(5)));
    dht::TokenTerms terms;
    terms.uses = plan_.token_uses;
    while (plan_.tokens.size() * plan_.joiners_a_token < plan_.joiners) {
      CO_ASSIGN_OR_RETURN(net::JoinToken token, co_await membership_->create_token(terms, seconds(5)));
      plan_.tokens.push_back(std::move(token));
    }
    co_return Status();
  }
  std::size_t mine = number_ / plan_.joiners_a_token;
  while (plan_.tokens.size() <= mine) CO_RETURN_IF_ERROR(co_await sleep_for(env_, milliseconds(50)));
  net::JoinToken token = plan_.tokens[mine];
  co_return co_await membership_->join(std::move(token), plan_.join_within);
}

void MembersCluster::start(std::size_t count, Duration over) {
  Dice dice = world_.dice("starts");
  plan.joiners = std::max(plan.joiners, count);
  for (std::size_t i = 0; i < count; ++i) {
    Machine& machine = world_.add_machine();
    machines_.push_back(&machine);
    MembersPlan* shared = &plan;
    ProgramFactory factory = [shared, i](Env& env) -> std::unique_ptr<Program> {
      return std::make_unique<MemberNode>(env, *shared, i, kMembersPort, std::string());
    };
    auto start_it = [&machine, factory] { machine.start(factory); };
    world_.after(i == 0 ? Duration(0) : dice.between(Duration(0), over), start_it);
  }
}

Machine& MembersCluster::add(std::string zone, std::uint16_t port) {
  Machine& machine = world_.add_machine();
  std::size_t number = machines_.size();
  machines_.push_back(&machine);
  MembersPlan* shared = &plan;
  machine.start([shared, number, zone, port](Env& env) -> std::unique_ptr<Program> {
    return std::make_unique<MemberNode>(env, *shared, number, port, zone);
  });
  return machine;
}

void MembersCluster::restart_at(std::size_t index, std::uint16_t port) {
  MembersPlan* shared = &plan;
  machines_[index]->start([shared, index, port](Env& env) -> std::unique_ptr<Program> {
    return std::make_unique<MemberNode>(env, *shared, index, port, std::string());
  });
}

dht::Membership* MembersCluster::member(std::size_t index) {
  Machine& machine = *machines_[index];
  if (!machine.running() || machine.paused()) return nullptr;
  MemberNode& node = machine.as<MemberNode>();
  return node.in() ? node.membership() : nullptr;
}

void MembersCluster::note_ids() {
  ids_.resize(machines_.size());
  for (std::size_t i = 0; i < machines_.size(); ++i)
    if (dht::Membership* it = member(i)) ids_[i] = it->id();
}

std::size_t MembersCluster::running() {
  std::size_t count = 0;
  for (Machine* machine : machines_) count += machine->running() ? 1 : 0;
  return count;
}

bool MembersCluster::settled() {
  std::size_t wanted = running();
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    if (machines_[i]->processes() == 0) return false;  // its time has not come yet
    if (!machines_[i]->running()) continue;
    dht::Membership* it = member(i);
    if (!it || it->directory().alive() != wanted) return false;
  }
  return true;
}

bool MembersCluster::settle(Duration limit) {
  Duration end = world_.now() + limit;
  while (world_.now() < end && world_.violations().empty()) {
    if (settled()) {
      note_ids();
      return true;
    }
    world_.run_for(milliseconds(100));
  }
  return false;
}

std::size_t MembersCluster::taking(const NodeId& about, dht::Health health) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    dht::Membership* it = member(i);
    if (it && it->id() != about && it->directory().health(about) == health) ++count;
  }
  return count;
}

bool MembersCluster::agreed() {
  std::optional<std::uint32_t> digest;
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    dht::Membership* it = member(i);
    if (!it) continue;
    if (digest && *digest != it->directory().digest()) return false;
    digest = it->directory().digest();
  }
  return true;
}

std::uint64_t MembersCluster::counted(std::string_view counter) {
  std::uint64_t sum = 0;
  for (Machine* machine : machines_)
    if (machine->running()) sum += machine->process()->metrics().total(counter);
  return sum;
}

}  // namespace vortex::sim

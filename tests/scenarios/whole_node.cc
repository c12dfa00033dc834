#include "tests/scenarios/whole_node.h"

#include "tests/sim/world.h"

namespace vortex::sim {

namespace {

constexpr std::uint16_t kPort = 7400;
constexpr std::size_t kSecretFileMax = 64 * kKiB;

node::NodeOptions options_of(const ClusterPlan& plan, std::size_t number) {
  node::NodeOptions options;
  options.data = "data";
  options.listen.host = "0.0.0.0";
  options.listen.port = kPort;
  options.advertise.host = "m" + std::to_string(number);
  options.advertise.port = kPort;
  options.topology = plan.topology;
  options.transport = plan.transport;
  options.partitions = plan.partitions;
  options.capacity = 10 * kGiB;
  return options;
}

void start_node(Machine& machine, node::NodeOptions options, const EnvWrap& wrap) {
  machine.keep_running(milliseconds(300));
  machine.start([options, wrap](Env& env) -> std::unique_ptr<Program> {
    return std::make_unique<WholeNode>(env, options, wrap);
  });
}

// What a file of the machine's holds; empty while there is none.
std::string text_of(World& world, Machine& machine, const std::string& path) {
  auto read = [](Env& env, std::string from) -> Task<Result<ByteVector>> {
    co_return co_await read_file(env.disk(), std::move(from), kSecretFileMax);
  };
  auto bytes = world.run(machine, read, path);
  return bytes.ok() ? std::string(as_text(*bytes)) : std::string();
}

}  // namespace

Task<void> WholeNode::run() {
  auto started = co_await node::Node::start(env_, options_);
  if (!started.ok()) {
    bool ours = !started.is(Code::cancelled);
    if (ours) env_.log().warn("node", "does not start", Field("why", started.error()));
    co_return;
  }
  node_ = std::move(*started);
  if (!stopping_) co_await ending_.park();
  co_await node_->stop();
  node_.reset();
}

Task<void> WholeNode::stop() {
  stopping_ = true;
  ending_.wake();
  co_return;
}

bool is_ready(World& world, std::size_t number) {
  Machine& machine = world.machine(number);
  auto* program = dynamic_cast<WholeNode*>(machine.program());
  return program != nullptr && program->node() != nullptr;
}

void add_node(World& world, const ClusterPlan& plan, std::string token) {
  Machine& machine = world.add_machine();
  node::NodeOptions options = options_of(plan, machine.number());
  options.join = std::move(token);
  start_node(machine, options, plan.wrap);
}

node::AccessKeyText start_cluster(World& world, const ClusterPlan& plan) {
  node::AccessKeyText key;
  for (std::size_t number = 1; number <= plan.nodes; ++number) {
    if (number == 1) {
      node::NodeOptions options = options_of(plan, number);
      options.create = true;
      start_node(world.add_machine(), options, plan.wrap);
    } else {
      add_node(world, plan, text_of(world, world.machine(1), "data/join.token"));
    }
    auto in = [&world, number] { return is_ready(world, number); };
    if (!world.run_until(in, seconds(60)))
      world.violation(Verdict::liveness, "node " + std::to_string(number) + " does not get ready");
  }
  auto parsed = node::AccessKeyText::parse(text_of(world, world.machine(1), "data/root.key"));
  if (parsed.ok()) key = *parsed;
  return key;
}

namespace {
node::SessionOptions session_options(const ClusterPlan& plan, const node::AccessKeyText& key) {
  node::SessionOptions options;
  for (std::size_t number = 1; number <= plan.nodes; ++number)
    options.addresses.push_back(options_of(plan, number).advertise);
  options.key = key;
  options.transport = plan.transport;
  return options;
}
}  // namespace

WholeClient::WholeClient(Env& environment, const ClusterPlan& plan, node::AccessKeyText key)
    : env(environment),
      session(env, session_options(plan, key)),
      files(env, session.peers(), session),
      holders(session.peers(), session),
      names(env, files),
      storer(env, files, holders),
      fetcher(env, files, holders) {}

}  // namespace vortex::sim

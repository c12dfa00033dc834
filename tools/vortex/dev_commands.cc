#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tools/cli/output.h"
#include "tools/dev/cluster.h"
#include "tools/vortex/commands.h"

namespace vortex {

namespace {

using dev::Cluster;
using dev::DevNode;

const cli::Flag kDirectory{"--data", "DIR", "where the cluster lives; else where VORTEX_CONFIG lies"};

Result<std::string> directory_of(const cli::Invocation& invocation, cli::Output& out) {
  if (auto given = invocation.text("--data")) return *given;
  const char* config = std::getenv("VORTEX_CONFIG");
  if (config != nullptr) return std::filesystem::path(config).parent_path().string();
  out.hint("say --data DIR, or set VORTEX_CONFIG to the client.json that 'vortex dev up' wrote");
  return Error(Code::invalid_argument, "which cluster?");
}

Result<Cluster> open_cluster(const cli::Invocation& invocation, cli::Output& out) {
  ASSIGN_OR_RETURN(std::string directory, directory_of(invocation, out));
  auto cluster = Cluster::open(directory);
  if (cluster.is(Code::not_found)) out.hint("'vortex dev up --data " + directory + "' starts one");
  return cluster;
}

Result<std::uint64_t> whole_number(const std::string& text, const std::string& what) {
  std::uint64_t number = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size())
    return Error(Code::invalid_argument, what + " '" + text + "' is not a whole number");
  return number;
}

void show(const Cluster& cluster, cli::Output& out) {
  nlohmann::json nodes = nlohmann::json::array();
  for (const DevNode& node : cluster.nodes()) {
    bool alive = node.child.alive();
    nodes.push_back({{"index", node.index},
                     {"pid", node.child.pid},
                     {"address", node.address},
                     {"data", node.data},
                     {"alive", alive}});
    out.text(std::to_string(node.index) + "  " + (alive ? "alive" : "down ") + "  " + node.address + "  pid " +
             std::to_string(node.child.pid) + "  " + node.data + "\n");
  }
  out.put("nodes", nodes);
}

Status up(const cli::Invocation& invocation, cli::Output& out) {
  auto directory = invocation.text("--data");
  if (!directory) return Error(Code::invalid_argument, "where? say --data DIR");
  dev::ClusterOptions options;
  ASSIGN_OR_RETURN(options.nodes, whole_number(invocation.text("--nodes").value_or("5"), "--nodes"));
  ASSIGN_OR_RETURN(std::uint64_t port, whole_number(invocation.text("--base-port").value_or("7400"), "--base-port"));
  if (port < 1 || port + options.nodes > 65536) return Error(Code::invalid_argument, "--base-port is out of range");
  options.base_port = static_cast<std::uint16_t>(port);
  options.topology = invocation.text("--topology").value_or(options.topology);
  options.transport = invocation.text("--transport").value_or(options.transport);
  options.more = invocation.arguments;
  auto cluster = Cluster::create(*directory, options);
  if (cluster.is(Code::exists)) out.hint("'vortex dev down --data " + *directory + "' ends it");
  if (!cluster.ok()) return cluster.error();
  show(*cluster, out);
  out.put("config", cluster->client_config());
  out.text("\nexport VORTEX_CONFIG=" + cluster->client_config() + "\n");
  return Status();
}

Status status(const cli::Invocation& invocation, cli::Output& out) {
  ASSIGN_OR_RETURN(Cluster cluster, open_cluster(invocation, out));
  show(cluster, out);
  return Status();
}

using NodeAction = Status (Cluster::*)(std::size_t);

cli::Command node_command(std::string name, std::string summary, NodeAction action) {
  cli::Command command;
  command.name = std::move(name);
  command.group = "trying";
  command.arguments = "I";
  command.arguments_min = command.arguments_max = 1;
  command.summary = std::move(summary);
  command.flags = {kDirectory};
  command.run = [action](const cli::Invocation& invocation, cli::Output& out) -> Status {
    ASSIGN_OR_RETURN(Cluster cluster, open_cluster(invocation, out));
    ASSIGN_OR_RETURN(std::uint64_t index, whole_number(invocation.arguments[0], "the node"));
    Status done = (cluster.*action)(index);
    if (done.is(Code::not_found)) out.hint("'vortex dev status' lists them");
    RETURN_IF_ERROR(done);
    show(cluster, out);
    return Status();
  };
  return command;
}

Status add(const cli::Invocation& invocation, cli::Output& out) {
  ASSIGN_OR_RETURN(Cluster cluster, open_cluster(invocation, out));
  ASSIGN_OR_RETURN(std::size_t index, cluster.add());
  show(cluster, out);
  out.put("index", index);
  return Status();
}

Status down(const cli::Invocation& invocation, cli::Output& out) {
  ASSIGN_OR_RETURN(Cluster cluster, open_cluster(invocation, out));
  return cluster.down();
}

cli::Command dev_command(std::string name, std::string summary,
                         std::function<Status(const cli::Invocation&, cli::Output&)> run) {
  cli::Command command;
  command.name = std::move(name);
  command.group = "trying";
  command.summary = std::move(summary);
  command.flags = {kDirectory};
  command.run = std::move(run);
  return command;
}

cli::Command up_command() {
  cli::Command command = dev_command("dev up", "starts a cluster of real processes on this machine", up);
  command.arguments = "[-- FLAGS…]";
  command.arguments_max = cli::Command::kAny;
  command.details =
      "The nodes go on in the background. DIR/client.json is what --config and VORTEX_CONFIG want. Whatever stands\n"
      "behind -- is given to every vortex-node.";
  command.flags = {{"--data", "DIR", "where the cluster is to live"},
                   {"--nodes", "N", "how many; 5"},
                   {"--base-port", "P", "the first node's port, the others follow; 7400"},
                   {"--topology", "T", "all-to-all or ring; all-to-all"},
                   {"--transport", "T", "tls or plain; tls"}};
  return command;
}

}  // namespace

std::vector<cli::Command> dev_commands() {
  return {up_command(),
          dev_command("dev status", "the local cluster's processes", status),
          node_command("dev kill", "kills a local node without warning", &Cluster::kill),
          node_command("dev stop", "stops a local node in order", &Cluster::stop),
          node_command("dev start", "starts a local node again", &Cluster::start),
          dev_command("dev add", "one more local node joins", add),
          dev_command("dev down", "ends the local cluster and removes its data", down)};
}

}  // namespace vortex

#include "tools/vortex/ring_view.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/hash.h"
#include "tests/unit/test.h"
#include "tools/cli/text_table.h"
#include "tools/vortex/nodes_view.h"

using namespace vortex;

namespace {

constexpr std::uint64_t kTiB = std::uint64_t(1) << 40;

RingView view_of(const std::vector<std::pair<std::string, std::uint64_t>>& zones_and_weights) {
  RingView view;
  for (const auto& [zone, weight] : zones_and_weights) {
    RingNodeView& node = view.nodes.emplace_back();
    node.id = sha256(as_bytes("node" + std::to_string(view.nodes.size())));
    node.address = "10.0.0." + std::to_string(view.nodes.size()) + ":7400";
    node.zone = zone;
    node.weight = weight;
  }
  view.stored = 3 * kTiB;
  return view;
}

std::map<char, std::size_t> letters_in(const std::string& text, std::size_t rows) {
  std::map<char, std::size_t> counts;
  std::istringstream lines(text);
  std::string line;
  for (std::size_t i = 0; i < rows && std::getline(lines, line); ++i)
    for (char c : line)
      if (c != ' ') ++counts[c];
  return counts;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

NodeView node_view(const std::string& address, const std::string& zone, const std::string& health) {
  NodeView node;
  node.id = sha256(as_bytes(address));
  node.address = address;
  node.zone = zone;
  node.health = health;
  node.standing = "active";
  node.capacity = 2 * kTiB;
  node.used = kTiB / 2;
  node.leads = 12;
  node.uptime_s = 3700;
  node.version = "0.1.0";
  return node;
}

}  // namespace

TEST_CASE("columns are as wide as what stands in them, numbers to the right") {
  TextTable table;
  table.column("NAME");
  table.column("SIZE", TextTable::Align::right);
  EXPECT_EQ(table.to_text(), "");
  table.row({"käse", "1"});
  table.row({"x", "12345"});
  EXPECT_EQ(table.to_text(), "NAME   SIZE\nkäse      1\nx     12345\n");
}

TEST_CASE("what somebody named a zone cannot write to the terminal") {
  TextTable table;
  table.column("ZONE");
  table.row({"a\x1b[31m\nb"});
  EXPECT_EQ(table.to_text(), "ZONE\na[31mb\n");
}

TEST_CASE("sizes, shares and ages are short") {
  EXPECT_EQ(human_size(0), "0 B");
  EXPECT_EQ(human_size(1023), "1023 B");
  EXPECT_EQ(human_size(1024), "1.0 KiB");
  EXPECT_EQ(human_size(1536), "1.5 KiB");
  EXPECT_EQ(human_size((std::uint64_t(1) << 20) - 1), "1.0 MiB");
  EXPECT_EQ(human_size(~std::uint64_t(0)), "16.0 EiB");
  EXPECT_EQ(human_share(0.1234), "12.3%");
  EXPECT_EQ(human_age(0), "0s");
  EXPECT_EQ(human_age(59), "59s");
  EXPECT_EQ(human_age(61), "1m 1s");
  EXPECT_EQ(human_age(3600), "1h");
  EXPECT_EQ(human_age(90'061), "1d 1h");
}

TEST_CASE("a bar is as long as its share and never longer than it may be") {
  EXPECT_EQ(bar(0, 4), "    ");
  EXPECT_EQ(bar(0.5, 4), "██  ");
  EXPECT_EQ(bar(1.0 / 32, 4), "▏   ");
  EXPECT_EQ(bar(1, 4), "████");
  EXPECT_EQ(bar(7, 4), "████");
  EXPECT_EQ(bar(-1, 2), "  ");
  for (int i = 0; i <= 100; ++i) EXPECT_EQ(text_width(bar(i / 100.0, 20)), 20);
}

TEST_CASE("an arc of the ring is as long as its node's share") {
  RingView view = view_of({{"", kTiB}, {"", kTiB}, {"", 2 * kTiB}});
  view.copies = 1;
  RingStyle style;
  std::map<char, std::size_t> letters = letters_in(ring_text(view, style), style.rows);
  REQUIRE_EQ(letters.size(), 3);
  std::size_t all = letters['A'] + letters['B'] + letters['C'];
  EXPECT(std::abs(static_cast<double>(letters['C']) / static_cast<double>(all) - 0.5) < 0.1);
  EXPECT(std::abs(static_cast<double>(letters['A']) / static_cast<double>(all) - 0.25) < 0.1);
}

TEST_CASE("the drawing has the rows that were asked for, and no line ends in blanks") {
  for (std::size_t rows : {5, 9, 17, 30}) {
    RingStyle style;
    style.rows = rows;
    RingView view = view_of({{"a", kTiB}, {"b", kTiB}, {"c", kTiB}});
    std::istringstream lines(ring_text(view, style));
    std::string line;
    for (std::size_t i = 0; i < rows; ++i) {
      REQUIRE(std::getline(lines, line));
      REQUIRE(!line.empty());
      EXPECT(line.back() != ' ');
      EXPECT_LE(line.size(), 2 * rows + 1);
    }
    std::getline(lines, line);
    EXPECT_EQ(line, "");
  }
}

TEST_CASE("the ring names everybody's share, zone and weight, and warns when copies must share a zone") {
  RingView view = view_of({{"rack-a", kTiB}, {"rack-b", kTiB}, {"rack-b", 0}});
  view.nodes[0].alive = false;
  std::string text = ring_text(view, RingStyle());
  EXPECT(has(text, "rack-a"));
  EXPECT(has(text, "50.0%"));
  EXPECT(has(text, "1.0 TiB"));
  EXPECT(has(text, " dead"));
  EXPECT(has(text, "3 copies, 3.0 TiB stored"));
  EXPECT(!has(text, "WARNING"));  // two nodes hold two copies, in two zones
  RingView crowded = view_of({{"rack-a", kTiB}, {"rack-a", kTiB}, {"rack-b", kTiB}, {"rack-b", kTiB}});
  EXPECT(has(ring_text(crowded, RingStyle()), "WARNING: 3 copies must share a zone"));
}

TEST_CASE("a large ring ends with how many more there are") {
  RingView view;
  for (int i = 0; i < 100; ++i) {
    RingView one = view_of({{"", kTiB}});
    one.nodes[0].id = sha256(as_bytes(std::to_string(i)));
    view.nodes.push_back(one.nodes[0]);
  }
  std::string text = ring_text(view, RingStyle());
  EXPECT(has(text, "… and 60 more\n"));
}

TEST_CASE("a ring on which nobody takes data is said to be so") {
  EXPECT(has(ring_text(RingView(), RingStyle()), "No node takes data."));
  EXPECT(has(ring_text(view_of({{"", 0}}), RingStyle()), "No node takes data."));
  EXPECT_EQ(ring_json(RingView()).at("nodes").size(), 0);
}

TEST_CASE("colours follow zones and only when they are asked for") {
  RingView view = view_of({{"a", kTiB}, {"b", kTiB}, {"c", kTiB}});
  RingStyle style;
  EXPECT(!has(ring_text(view, style), "\x1b["));
  style.color = true;
  std::string text = ring_text(view, style);
  EXPECT(has(text, "\x1b[36mA\x1b[0m"));
  EXPECT(has(text, "\x1b[33mB\x1b[0m"));
}

TEST_CASE("the ring as JSON has the shares and adds up") {
  nlohmann::json json = ring_json(view_of({{"a", kTiB}, {"a", kTiB}, {"b", kTiB}, {"c", kTiB}}));
  double sum = 0;
  for (const auto& node : json.at("nodes")) sum += node.at("share").get<double>();
  EXPECT(std::abs(sum - 1) < 1e-9);
  EXPECT_EQ(json.at("zones").size(), 3);
  EXPECT_EQ(json.at("zones")[0].at("nodes"), 2);
  EXPECT_EQ(json.at("copies"), 3);
  EXPECT(json.at("warnings").is_array());
}

TEST_CASE("a preview says how much, from whom to whom") {
  RingView view = view_of({{"", kTiB}, {"", kTiB}, {"", kTiB}});
  dht::Ring before = ring_of(view);
  dht::RingNode joining{sha256(as_bytes("new")), kTiB, ""};
  dht::RingPreview preview = dht::preview_bytes(before, dht::with_node(before, joining), 3, view.stored);
  std::string text = preview_text(preview, view);
  EXPECT(has(text, "would move, 25."));
  EXPECT(has(text, "the new node"));
  EXPECT(has(text, view.nodes[0].id.short_hex() + " (10.0.0.1:7400)"));
  EXPECT_EQ(preview_json(preview).at("moves").size(), 3);
  EXPECT(has(preview_text(dht::preview_bytes(before, before, 3, view.stored), view), "Nothing would move."));
}

TEST_CASE("nodes are listed by zone and address, and counted by health") {
  std::vector<NodeView> nodes = {node_view("10.0.0.9:7400", "b", "alive"), node_view("10.0.0.1:7400", "b", "dead"),
                                 node_view("10.0.0.5:7400", "a", "alive")};
  std::string text = nodes_text(nodes);
  EXPECT(text.find("10.0.0.5") < text.find("10.0.0.1"));
  EXPECT(text.find("10.0.0.1") < text.find("10.0.0.9"));
  EXPECT(has(text, "512.0 GiB (25.0%)"));
  EXPECT(has(text, "1h 1m"));
  EXPECT(has(text, "3 nodes, 2 alive, 1 dead\n"));
  nlohmann::json json = nodes_json(nodes);
  REQUIRE_EQ(json.size(), 3);
  for (const char* field :
       {"id", "address", "zone", "health", "standing", "capacity", "used", "leads", "uptime_s", "version"})
    EXPECT(json[0].contains(field));
  EXPECT_EQ(json[0].at("address"), "10.0.0.5:7400");
}

TEST_CASE("ids are as short as they can be and still be told apart") {
  NodeId a = sha256(as_bytes("a")), b = a;
  EXPECT_EQ(distinct_digits({a}), 8);
  b.bytes[6] ^= 1;
  EXPECT_EQ(distinct_digits({a, b}), 14);
  EXPECT_EQ(distinct_digits({a, a}), 8);
}

#include "tools/vortex/ring_view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>
#include <tuple>
#include <utility>

#include "tools/cli/text_table.h"
#include "tools/vortex/json_list.h"
#include "tools/vortex/nodes_view.h"

namespace vortex {

namespace {

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::array<int, 6> kZoneColors = {36, 33, 35, 32, 34, 31};
constexpr std::size_t kBarWidth = 20;

struct Line {
  RingNodeView node;
  double share = 0;
  char letter = '*';  // of those for whom no letter is left
  std::size_t zone = 0;
};

struct ZoneLine {
  std::string zone;
  std::size_t nodes = 0;
  std::uint64_t capacity = 0;
  double share = 0;
};

// By zone, then address, as in `vortex nodes`.
std::vector<Line> lines_of(const RingView& view) {
  dht::Ring ring = ring_of(view);
  std::vector<double> share = dht::shares(ring, view.copies);
  std::map<NodeId, double> by_id;
  for (std::size_t i = 0; i < ring.size(); ++i) by_id[ring.node(i).id] = share[i];
  std::vector<Line> lines;
  for (const RingNodeView& node : view.nodes) {
    Line& line = lines.emplace_back();
    line.node = node;
    line.share = by_id[node.id];
  }
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return std::tie(a.node.zone, a.node.address, a.node.id) < std::tie(b.node.zone, b.node.address, b.node.id);
  });
  std::size_t letter = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) lines[i].zone = lines[i - 1].zone + (lines[i].node.zone != lines[i - 1].node.zone ? 1 : 0);
    if (lines[i].share > 0 && letter < kLetters.size()) lines[i].letter = kLetters[letter++];
    if (lines[i].share == 0) lines[i].letter = '-';
  }
  return lines;
}

std::vector<ZoneLine> zones_of(const std::vector<Line>& lines) {
  std::vector<ZoneLine> zones;
  for (const Line& line : lines) {
    if (zones.empty() || zones.back().zone != line.node.zone) zones.emplace_back().zone = line.node.zone;
    ++zones.back().nodes;
    zones.back().capacity += line.node.weight;
    zones.back().share += line.share;
  }
  return zones;
}

std::string painted(const std::string& text, std::size_t zone, bool color) {
  if (!color) return text;
  return "\x1b[" + std::to_string(kZoneColors[zone % kZoneColors.size()]) + "m" + text + "\x1b[0m";
}

// Whose arc is at this turn, from 0 (the top) clockwise to 1?
const Line* at_turn(const std::vector<Line>& lines, double turn) {
  double sum = 0;
  const Line* last = nullptr;
  for (const Line& line : lines) {
    if (line.share <= 0) continue;
    last = &line;
    sum += line.share;
    if (turn < sum) return &line;
  }
  return last;
}

// Characters are about twice as high as wide.
std::string circle(const std::vector<Line>& lines, const RingStyle& style) {
  std::size_t rows = std::max<std::size_t>(style.rows, 5);
  double radius = (static_cast<double>(rows) - 1) / 2;
  std::size_t columns = 2 * rows - 1;
  std::string text;
  for (std::size_t row = 0; row < rows; ++row) {
    std::string whole;
    std::size_t blanks = 0;
    for (std::size_t column = 0; column < columns; ++column) {
      double x = (static_cast<double>(column) - static_cast<double>(columns - 1) / 2) / 2;
      double y = radius - static_cast<double>(row);
      double off = std::sqrt(x * x + y * y);
      bool on_ring = off <= radius + 0.25 && off > radius - 1.75;
      const Line* line = nullptr;
      if (on_ring) {
        double turn = std::atan2(x, y) / (2 * std::numbers::pi);
        line = at_turn(lines, turn < 0 ? turn + 1 : turn);
      }
      if (!line) {
        ++blanks;
        continue;
      }
      whole +=
          std::string(std::exchange(blanks, 0), ' ') + painted(std::string(1, line->letter), line->zone, style.color);
    }
    text += "  " + whole + "\n";
  }
  return text;
}

std::string table_of(const std::vector<Line>& lines, const RingStyle& style) {
  std::vector<NodeId> ids;
  double most = 0;
  for (const Line& line : lines) {
    ids.push_back(line.node.id);
    most = std::max(most, line.share);
  }
  std::size_t digits = distinct_digits(ids);
  TextTable table;
  for (const char* title : {"", "NODE", "ADDRESS", "ZONE"}) table.column(title);
  table.column("WEIGHT", TextTable::Align::right);
  table.column("SHARE", TextTable::Align::right);
  table.column("");
  for (std::size_t i = 0; i < lines.size() && i < style.nodes_max; ++i) {
    const Line& line = lines[i];
    std::vector<std::string> cells(1, std::string(1, line.letter));
    cells.push_back(line.node.id.hex().substr(0, digits));
    cells.push_back(line.node.address);
    cells.push_back(line.node.zone.empty() ? "-" : line.node.zone);
    cells.push_back(line.node.weight == 0 ? "-" : human_size(line.node.weight));
    cells.push_back(human_share(line.share));
    std::string length = most > 0 ? bar(line.share / most, kBarWidth) : std::string();
    cells.push_back(line.node.alive ? length : length + " dead");
    table.row(std::move(cells));
  }
  std::string text = table.to_text();
  if (lines.size() > style.nodes_max) text += "… and " + std::to_string(lines.size() - style.nodes_max) + " more\n";
  return text;
}

std::string zone_table(const std::vector<ZoneLine>& zones) {
  TextTable table;
  table.column("ZONE");
  for (const char* title : {"NODES", "CAPACITY", "SHARE"}) table.column(title, TextTable::Align::right);
  for (const ZoneLine& zone : zones)
    table.row({zone.zone.empty() ? "-" : zone.zone, std::to_string(zone.nodes), human_size(zone.capacity),
               human_share(zone.share)});
  return table.to_text();
}

std::string warning_lines(const std::vector<std::string>& warnings) {
  std::string text;
  for (const std::string& warning : warnings) text += "\nWARNING: " + warning + "\n";
  return text;
}

nlohmann::json line_json(const Line& line) {
  return {{"id", line.node.id.hex()},   {"address", line.node.address}, {"zone", line.node.zone},
          {"weight", line.node.weight}, {"used", line.node.used},       {"alive", line.node.alive},
          {"share", line.share}};
}

nlohmann::json zone_json(const ZoneLine& zone) {
  return {{"zone", zone.zone}, {"nodes", zone.nodes}, {"capacity", zone.capacity}, {"share", zone.share}};
}

}  // namespace

dht::Ring ring_of(const RingView& view) {
  std::vector<dht::RingNode> nodes;
  for (const RingNodeView& node : view.nodes) nodes.push_back(dht::RingNode{node.id, node.weight, node.zone});
  return dht::Ring(std::move(nodes));
}

std::string ring_text(const RingView& view, const RingStyle& style) {
  std::vector<Line> lines = lines_of(view);
  bool placed = std::any_of(lines.begin(), lines.end(), [](const Line& line) { return line.share > 0; });
  if (!placed) return "No node takes data.\n" + table_of(lines, style);
  std::vector<ZoneLine> zones = zones_of(lines);
  std::string text = circle(lines, style) + "\n" + table_of(lines, style);
  if (zones.size() > 1) text += "\n" + zone_table(zones);
  text += "\n" + std::to_string(view.copies) + (view.copies == 1 ? " copy" : " copies") + ", " +
          human_size(view.stored) + " stored\n";
  return text + warning_lines(dht::zone_warnings(ring_of(view), view.copies));
}

nlohmann::json ring_json(const RingView& view) {
  std::vector<Line> lines = lines_of(view);
  return {{"copies", view.copies},
          {"stored", view.stored},
          {"nodes", json_list(lines, line_json)},
          {"zones", json_list(zones_of(lines), zone_json)},
          {"warnings", dht::zone_warnings(ring_of(view), view.copies)}};
}

std::string preview_text(const dht::RingPreview& preview, const RingView& before, std::size_t moves_max) {
  if (preview.moves.empty()) return "Nothing would move.\n" + warning_lines(preview.warnings);
  auto name = [&before](const NodeId& id) {
    for (const RingNodeView& node : before.nodes)
      if (node.id == id) return id.short_hex() + " (" + node.address + ")";
    return std::string("the new node");
  };
  std::string text = human_size(preview.moved) + " would move, " + human_share(preview.share) +
                     " of all copies (no rule could do with less than " + human_share(preview.ideal) + ").\n\n";
  TextTable table;
  table.column("FROM");
  table.column("TO");
  table.column("BYTES", TextTable::Align::right);
  for (std::size_t i = 0; i < preview.moves.size() && i < moves_max; ++i) {
    const dht::RingPreview::Move& move = preview.moves[i];
    table.row({name(move.from), name(move.to), human_size(move.bytes)});
  }
  text += table.to_text();
  if (preview.moves.size() > moves_max) text += "… and " + std::to_string(preview.moves.size() - moves_max) + " more\n";
  return text + warning_lines(preview.warnings);
}

nlohmann::json preview_json(const dht::RingPreview& preview) {
  auto move_json = [](const dht::RingPreview::Move& move) -> nlohmann::json {
    return {{"from", move.from.hex()}, {"to", move.to.hex()}, {"bytes", move.bytes}};
  };
  return {{"moved", preview.moved},
          {"share", preview.share},
          {"ideal", preview.ideal},
          {"moves", json_list(preview.moves, move_json)},
          {"warnings", preview.warnings}};
}

}  // namespace vortex

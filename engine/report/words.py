"""What the pages say, in the languages of the product; a name of the engine's is said by itself."""

from engine.errors import BadParameters

WORDS: dict[str, tuple[str, str]] = {
    "report": ("Backtest report", "回测报告"),
    "chart": ("Prices, trades, equity and drawdown", "价格、交易、权益与回撤"),
    "symbol": ("Symbol", "代码"),
    "nearer": ("Zoom in", "放大"),
    "further": ("Zoom out", "缩小"),
    "all": ("Show all", "显示全部"),
    "figures": ("Figures", "指标"),
    "figure": ("Figure", "指标"),
    "value": ("Value", "数值"),
    "interval": ("95 % by chance", "95% 置信区间"),
    "months": ("Months", "月度收益"),
    "year": ("Year", "年"),
    "by_direction": ("By direction", "按多空"),
    "by_reason": ("By reason of exit", "按平仓原因"),
    "last_trades": ("Last trades", "最近交易"),
    "of": ("of", "共"),
    "parameters": ("Parameters", "参数"),
    "settings": ("Settings", "设置"),
    "refused": ("Orders not done", "未执行的订单"),
    "bars": ("bars", "根K线"),
    "name": ("Name", "名称"),
    # Figures.
    "returned": ("Return", "收益率"),
    "annualised": ("Annualised", "年化收益率"),
    "volatility": ("Volatility", "波动率"),
    "sharpe": ("Sharpe", "夏普比率"),
    "sortino": ("Sortino", "索提诺比率"),
    "calmar": ("Calmar", "卡玛比率"),
    "drawdown": ("Deepest drawdown", "最大回撤"),
    "drawdown_bars": ("Longest drawdown, bars", "最长回撤 (K线数)"),
    "trades": ("Trades", "交易次数"),
    "win_rate": ("Win rate", "胜率"),
    "profit_factor": ("Profit factor", "盈亏比"),
    "expectancy": ("Expectancy", "期望收益"),
    "expectancy_share": ("Expectancy, of notional", "期望收益率"),
    "average_win": ("Average win", "平均盈利"),
    "average_loss": ("Average loss", "平均亏损"),
    "exposure": ("Exposure", "持仓时间占比"),
    "profit": ("Profit before costs", "成本前利润"),
    "fees": ("Fees", "手续费"),
    "funding": ("Funding", "资金费"),
    "liquidations": ("Liquidations", "强平次数"),
    "wins_in_a_row": ("Most wins in a row", "最长连胜"),
    "losses_in_a_row": ("Most losses in a row", "最长连亏"),
    "equity": ("Equity", "权益"),
    "net": ("Net", "净利润"),
    "held_bars": ("Bars held", "持仓K线数"),
    # Columns of trades.
    "direction": ("Direction", "方向"),
    "entered_at": ("Entered", "开仓时间"),
    "left_at": ("Left", "平仓时间"),
    "quantity": ("Quantity", "数量"),
    "entry_price": ("Entry", "开仓价"),
    "exit_price": ("Exit", "平仓价"),
    "reason": ("Reason", "原因"),
    "long": ("Long", "多"),
    "short": ("Short", "空"),
    "signal": ("Signal", "信号"),
    "stop": ("Stop", "止损"),
    "trail": ("Trailing stop", "移动止损"),
    "target": ("Target", "止盈"),
    "reversal": ("Reversal", "反手"),
    "liquidation": ("Liquidation", "强平"),
    "end": ("End", "结束"),
    "held": ("Already held", "已有持仓"),
    "nothing_held": ("Nothing held", "无持仓"),
    "too_small": ("Too small", "数量过小"),
    "no_margin": ("No margin left", "保证金不足"),
    "unsized": ("Without a size", "无法确定数量"),
    # Optimisations.
    "optimisation": ("Optimisation", "参数优化"),
    "trial": ("Trial", "试验"),
    "score": ("Score", "得分"),
    "score_by_trial": ("Score by trial", "各次试验得分"),
    "best_trials": ("Best trials", "最佳试验"),
    "in_sample": ("In sample", "样本内"),
    "out_of_sample": ("Out of sample", "样本外"),
    "surface": ("Mean score over two parameters", "两个参数的平均得分"),
    "walk_forward": ("Walk-forward", "滚动前推"),
    "joined": ("Equity over all test windows", "各测试窗口连接的权益"),
    "windows": ("Windows", "窗口"),
    "trained": ("Trained", "训练区间"),
    "tested": ("Tested", "测试区间"),
    "values": ("Values", "参数值"),
    "judgement": ("How much is luck", "运气成分"),
    "deflated_sharpe": ("Deflated Sharpe", "紧缩夏普比率"),
    "lucky_sharpe": ("Sharpe of mere luck", "纯运气的夏普比率"),
    "overfit": ("Probability of overfitting", "过拟合概率"),
    "kept_by_neighbours": ("Lead kept by neighbours", "邻近参数保留的优势"),
    "nothing_scored": ("No trial could be scored.", "没有可评分的试验。"),
    "few_trades": ("Too few trades to tell anything.", "交易太少, 不足以得出结论。"),
    "luck": (
        "So many tries would find this Sharpe ratio by luck.",
        "尝试次数这么多, 仅凭运气也能得到这个夏普比率。",
    ),
    "outlier": (
        "The best stands alone: values next to it are far worse.",
        "最佳结果是孤立点: 邻近参数差得多。",
    ),
    "overfitted": (
        "What is best in one half of the time is mostly poor in the other.",
        "一半时间里的最佳参数, 在另一半大多表现不佳。",
    ),
    "loses_out_of_sample": (
        "On the bars that were held back it loses.",
        "在预留的样本外数据上亏损。",
    ),
}
LANGUAGES = ("en", "zh-hans")


class Words:
    """The words of one language; what is not among them is a name, and said as it is."""

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise BadParameters("unknown language", field="language", known=LANGUAGES)
        self.place = LANGUAGES.index(language)
        self.language = language

    def __call__(self, name: str) -> str:
        return WORDS[name][self.place] if name in WORDS else name

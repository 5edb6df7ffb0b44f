/** What anywidget is given of a panel: one client for each model, one view for each place it is shown in. */

import { Client, type PanelModel } from "./live/client";
import { listen } from "./ui/element";
import { leave } from "./ui/focus";

interface View {
  dispose(): void;
}

/** The factory that anywidget calls once a model; `shared` is made then, for all views of that model. */
export function panel<S extends View>(
  shared: (model: PanelModel) => S,
  make: (client: Client, model: PanelModel, el: HTMLElement, shared: S) => View,
) {
  return () => {
    let client: Client;
    let common: S;
    return {
      initialize({ model }: { model: PanelModel }) {
        client = Client.connect(model);
        common = shared(client.steady(model));
        return () => {
          common.dispose();
          client.dispose();
        };
      },
      render({ model, el }: { model: PanelModel; el: HTMLElement }) {
        const view = make(client, client.steady(model), el, common);
        client.appeared();
        const offs = [
          // An Escape that meant nothing to the panel means: out of here.
          listen(el, "keydown", (event) => {
            if (event.key === "Escape" && !event.defaultPrevented) leave(el);
          }),
          // JupyterLab's keys are for whatever has the focus, unless that itself says no: an "m" that looks
          // for a method would else turn the cell into text.
          listen(el, "focusin", ({ target }) => {
            (target as HTMLElement).dataset.lmSuppressShortcuts = "true";
          }),
        ];
        return () => {
          for (const off of offs) off();
          view.dispose();
          client.left();
          el.replaceChildren();
        };
      },
    };
  };
}

/** For panels whose views share nothing but the client. */
export const nothing = () => ({ dispose() {} });
